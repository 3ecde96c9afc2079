package export

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/compare"
)

// The picture's measures in pixels. A character takes a cell whatever the font:
// each piece of text is placed by its column and stretched to its width.
const (
	svgColumns  = 96
	svgCell     = 8.4
	svgLine     = 20
	svgMargin   = 24
	svgTitle    = 40
	svgBaseline = 15 // of text, from the top of its line
)

// svgStyle has one class for each style of the text, light and dark.
const svgStyle = `
svg { --paper: #fdfdfc; --edge: #d9dde2; --ink: #1b1f24; --soft: #626b76; --mapping: #0a62ab; --readwrite: #b04a08; --alarm: #9c2463 }
@media (prefers-color-scheme: dark) {
svg { --paper: #14171b; --edge: #343b43; --ink: #e9ebee; --soft: #98a1ab; --mapping: #66b3f2; --readwrite: #f2a662; --alarm: #f090bd }
}
text { font: 14px ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: currentColor }
.paper { fill: var(--paper); stroke: var(--edge) }
.edge { stroke: var(--edge) }
.button { fill: var(--edge) }
g { color: var(--ink) }
.strong { font-weight: 700 }
.faint { color: var(--soft) }
.mapping { color: var(--mapping) }
.readwrite { color: var(--readwrite) }
.alarm { color: var(--alarm) }
.fill { fill: currentColor }
.line { fill: none; stroke: currentColor; stroke-width: 1.4 }
.dotted { stroke-dasharray: 2 3 }
`

var svgClasses = map[style]string{
	normal: "normal", strong: "strong", faint: "faint", mapping: "mapping", readWrite: "readwrite", alarm: "alarm",
}

// SVG writes a picture of a terminal with the output of Text, light or dark as
// its reader prefers. It needs no font of its own and runs nothing.
func SVG(w io.Writer, r *compare.Report) error {
	var output bytes.Buffer
	if err := Text(&output, r, TextOptions{Color: true, Width: svgColumns}); err != nil {
		return err
	}
	paint := painter(true)
	command := paint.paint(faint, "$") + " " + paint.paint(strong, commandLine(r))
	lines := append([]string{command, ""}, strings.Split(strings.TrimRight(output.String(), "\n"), "\n")...)
	columns := svgColumns
	for _, l := range lines {
		columns = max(columns, lineWidth(l))
	}
	p := &picture{width: svgMargin*2 + float64(columns)*svgCell, height: svgTitle + svgMargin*1.5 + float64(len(lines))*svgLine}
	p.frame(strings.Join(headline(r), ", ") + ". " + plain(r.Verdict.Sentence))
	for i, l := range lines {
		p.line(float64(svgTitle+svgMargin/2+i*svgLine), l)
	}
	p.out.WriteString("</svg>\n")
	_, err := w.Write(p.out.Bytes())
	return err
}

func lineWidth(l string) int {
	columns := 0
	for _, piece := range spans(l) {
		columns += width(piece.text)
	}
	return columns
}

// commandLine is what a person would type for such a report.
func commandLine(r *compare.Report) string {
	const articleBytes, blockDefault = 40000, 8
	made := comparison(r).SizeBytes
	parts := []string{"filemap compare"}
	if r.Settings.Pattern != "increment" {
		parts = append(parts, "--pattern "+plain(r.Settings.Pattern))
	}
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{isSweep(r), "--sweep"},
		{r.File.Made && !isSweep(r) && made != articleBytes, "--size " + benchSize(made)},
		{r.Settings.Operations > 0 && r.Settings.BlockBytes != blockDefault, "--block " + strconv.FormatInt(r.Settings.BlockBytes, 10)},
		{r.Settings.Goroutines > 1, "--goroutines " + strconv.Itoa(r.Settings.Goroutines)},
		{r.Settings.Cold, "--cold"},
		{r.Settings.Warm, "--warm"},
		{r.Settings.Durable, "--durable"},
		{r.File.Copy, "--write"},
	} {
		if flag.set {
			parts = append(parts, flag.name)
		}
	}
	if !r.File.Made {
		parts = append(parts, quoted(subject(r.File)))
	}
	return strings.Join(parts, " ")
}

// quoted writes a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"\\$`&|;<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// picture is the SVG as it grows.
type picture struct {
	width, height float64
	out           bytes.Buffer
}

// frame draws the window around the terminal.
func (p *picture) frame(title string) {
	fmt.Fprintf(&p.out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]s" height="%[2]s" viewBox="0 0 %[1]s %[2]s" role="img" aria-labelledby="title">`+"\n",
		number(p.width), number(p.height))
	fmt.Fprintf(&p.out, "<title id=\"title\">%s</title>\n<style>%s</style>\n", escaped(title), svgStyle)
	fmt.Fprintf(&p.out, `<rect class="paper" x="0.5" y="0.5" width="%s" height="%s" rx="10"/>`+"\n", number(p.width-1), number(p.height-1))
	for i := range 3 {
		fmt.Fprintf(&p.out, `<circle class="button" cx="%d" cy="20" r="6"/>`, svgMargin+6+i*20)
	}
	fmt.Fprintf(&p.out, `<line class="edge" x1="0.5" x2="%s" y1="%d" y2="%[2]d"/>`+"\n", number(p.width-0.5), svgTitle)
}

// line draws one line of the terminal from its top.
func (p *picture) line(top float64, l string) {
	column := 0
	for _, piece := range spans(l) {
		if strings.TrimSpace(piece.text) != "" {
			fmt.Fprintf(&p.out, `<g class="%s">`, svgClasses[piece.style])
			p.span(top, column, piece.text)
			p.out.WriteString("</g>\n")
		}
		column += width(piece.text)
	}
}

// span draws shapes as shapes, which no font can get wrong, and the text
// between them as text.
func (p *picture) span(top float64, column int, text string) {
	var words strings.Builder
	filled := 0 // of the bar that has begun, in eighths of a cell
	flush := func() {
		if filled > 0 {
			p.out.WriteString(block(svgMargin+float64(column)*svgCell, top, filled))
			column, filled = column+(filled+7)/8, 0
		}
		p.text(top, column, words.String())
		column += width(words.String())
		words.Reset()
	}
	for _, r := range text {
		if part, found := eighths[r]; found {
			if words.Len() > 0 {
				flush()
			}
			filled += part
			continue
		}
		if filled > 0 {
			flush()
		}
		if draw, found := shapes[r]; found {
			flush()
			p.out.WriteString(draw(svgMargin+float64(column)*svgCell, top))
			column++
			continue
		}
		words.WriteRune(r)
	}
	flush()
}

// text draws text without its outer spaces.
func (p *picture) text(top float64, column int, text string) {
	trimmedLeft := strings.TrimLeft(text, " ")
	column += len(text) - len(trimmedLeft)
	text = strings.TrimRight(trimmedLeft, " ")
	if text == "" {
		return
	}
	fmt.Fprintf(&p.out, `<text x="%s" y="%s" textLength="%s" lengthAdjust="spacingAndGlyphs">%s</text>`,
		number(svgMargin+float64(column)*svgCell), number(top+svgBaseline), number(float64(width(text))*svgCell), escaped(text))
}

func escaped(text string) string {
	var b bytes.Buffer
	// A buffer takes all that is written to it.
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}

func number(value float64) string { return trimmed(strconv.FormatFloat(value, 'f', 2, 64)) }
