package export

// shapes draw the characters of the text that are pictures, in the cell whose
// left upper corner is given.
var shapes = map[rune]func(x, y float64) string{
	'●': func(x, y float64) string {
		return `<circle class="fill"` + attribute("cx", x+svgCell/2) + attribute("cy", y+svgLine/2) + ` r="4"/>`
	},
	'○': func(x, y float64) string {
		return `<circle class="line"` + attribute("cx", x+svgCell/2) + attribute("cy", y+svgLine/2) + ` r="3.4"/>`
	},
	'◇': func(x, y float64) string {
		return `<path class="line" d="M` + number(x+svgCell/2) + " " + number(y+svgLine/2-4) + `l4 4l-4 4l-4-4z"/>`
	},
	'│': func(x, y float64) string { return `<path class="line" d="` + upright(x, y) + `"/>` },
	'┊': func(x, y float64) string { return `<path class="line dotted" d="` + upright(x, y) + `"/>` },
	'─': func(x, y float64) string {
		return `<path class="line" d="M` + number(x) + " " + number(y+svgLine/2) + "h" + number(svgCell) + `"/>`
	},
}

func upright(x, y float64) string {
	return "M" + number(x+svgCell/2) + " " + number(y) + "v" + number(svgLine)
}

// eighths are the characters of a bar, by how much of their cell they fill.
var eighths = map[rune]int{'█': 8, '▉': 7, '▊': 6, '▋': 5, '▌': 4, '▍': 3, '▎': 2, '▏': 1}

// block is a whole bar: drawn cell by cell it would show seams.
func block(x, y float64, eighths int) string {
	return `<rect class="fill"` + attribute("x", x) + attribute("y", y+4) +
		attribute("width", svgCell*float64(eighths)/8) + ` height="12"/>`
}

func attribute(name string, value float64) string { return " " + name + `="` + number(value) + `"` }
