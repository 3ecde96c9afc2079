// Package export writes what compare found: as text for a terminal, as JSON, as
// text that benchstat reads, as one HTML page and as an SVG picture of the
// terminal. Each exporter is one file and draws on nothing but the
// [compare.Report], so that no two outputs can disagree.
//
//	Text      text.go, with text_*.go, table.go and ansi.go
//	JSON      json.go
//	Benchfmt  benchfmt.go
//	HTML      html.go, with html_*.go, plot*.go and page.html
//	SVG       svg.go and svg_shapes.go, a picture of Text
//
// What they share is in ranking.go (which contender is shown where), reasons.go
// (the counts, their names and units) and figures.go (how a number is written).
package export
