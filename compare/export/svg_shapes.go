package export

import "fmt"

// shapes draw the characters of the text that are pictures, in the cell whose
// left upper corner is given.
var shapes = map[rune]func(x, y float64) string{
	'●': func(x, y float64) string {
		return fmt.Sprintf(`<circle class="fill" cx="%s" cy="%s" r="4"/>`, number(x+svgCell/2), number(y+svgLine/2))
	},
	'○': func(x, y float64) string {
		return fmt.Sprintf(`<circle class="line" cx="%s" cy="%s" r="3.4"/>`, number(x+svgCell/2), number(y+svgLine/2))
	},
	'◇': func(x, y float64) string {
		return fmt.Sprintf(`<path class="line" d="M%s %sl4 4l-4 4l-4-4z"/>`, number(x+svgCell/2), number(y+svgLine/2-4))
	},
	'│': upright("line"),
	'┊': upright("line dotted"),
	'─': func(x, y float64) string {
		return fmt.Sprintf(`<path class="line" d="M%s %sh%s"/>`, number(x), number(y+svgLine/2), number(svgCell))
	},
}

func upright(class string) func(x, y float64) string {
	return func(x, y float64) string {
		return fmt.Sprintf(`<path class="%s" d="M%s %sv%d"/>`, class, number(x+svgCell/2), number(y), svgLine)
	}
}

// eighths are the characters of a bar, by how much of their cell they fill.
var eighths = map[rune]int{'█': 8, '▉': 7, '▊': 6, '▋': 5, '▌': 4, '▍': 3, '▎': 2, '▏': 1}

// block is a whole bar: drawn cell by cell it would show seams.
func block(x, y float64, eighths int) string {
	return fmt.Sprintf(`<rect class="fill" x="%s" y="%s" width="%s" height="12"/>`,
		number(x), number(y+4), number(svgCell*float64(eighths)/8))
}
