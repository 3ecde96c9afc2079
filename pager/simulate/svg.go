package simulate

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// colors tell curves apart also for those who see few (Okabe and Ito, 2008).
var colors = []color.RGBA{
	{0x00, 0x00, 0x00, 0xff},
	{0xe6, 0x9f, 0x00, 0xff},
	{0x56, 0xb4, 0xe9, 0xff},
	{0x00, 0x9e, 0x73, 0xff},
	{0xd5, 0x5e, 0x00, 0xff},
	{0x00, 0x72, 0xb2, 0xff},
	{0xcc, 0x79, 0xa7, 0xff},
}

// WriteSVG draws the miss-ratio curves: the budget in pages, logarithmic, against
// the share of accesses that miss. OPT is dashed: nothing can lie below it.
func WriteSVG(w io.Writer, r *Report) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s: %d accesses to %d pages", r.Source, r.Accesses, r.DistinctPages)
	p.X.Label.Text, p.Y.Label.Text = "memory (pages)", "misses (% of accesses)"
	p.BackgroundColor = color.White
	p.Y.Min = 0
	if len(r.BudgetsPages) > 1 {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	p.Add(plotter.NewGrid())
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(2)
	p.Legend.XOffs = -vg.Points(6)
	for j, name := range r.Policies {
		points := make(plotter.XYs, len(r.BudgetsPages))
		for i, budget := range r.BudgetsPages {
			points[i] = plotter.XY{X: float64(budget), Y: 100 * r.At(i, j).MissRatio}
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color = colors[j%len(colors)]
		line.Width = vg.Points(1.5)
		marks.Color, marks.Shape, marks.Radius = line.Color, draw.CircleGlyph{}, vg.Points(2)
		if name == Opt {
			line.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
		}
		p.Add(line, marks)
		p.Legend.Add(name, line, marks)
	}
	canvas := vgsvg.New(20*vg.Centimeter, 12*vg.Centimeter)
	p.Draw(draw.New(canvas))
	_, err := canvas.WriteTo(w)
	return err
}
