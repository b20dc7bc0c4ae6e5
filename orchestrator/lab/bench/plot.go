package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// plotRates draws the throughput of each tool in each scenario as SVG. A tool that
// did not do the job has no bar.
func plotRates(outcomes []outcome, path string) error {
	p := plot.New()
	p.Title.Text = "Throughput in the lab"
	p.Y.Label.Text = "Mbit/s of data"
	p.Y.Min = 0
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	width := vg.Points(14)
	for i, series := range []struct {
		name   string
		colour color.Color
		of     func(*outcome) float64
	}{
		{"max-flow", color.Gray{200}, func(o *outcome) float64 { return o.mbit(o.ideal) }},
		{"skyctl", color.RGBA{0x1f, 0x77, 0xb4, 0xff}, func(o *outcome) float64 { return o.rate(&o.skyctl) }},
		{"rclone at the source", color.RGBA{0xff, 0x7f, 0x0e, 0xff}, func(o *outcome) float64 { return o.rate(&o.source) }},
		{"rclone at the operator", color.RGBA{0x2c, 0xa0, 0x2c, 0xff}, func(o *outcome) float64 { return o.rate(&o.remote) }},
	} {
		values := make(plotter.Values, len(outcomes))
		for j := range outcomes {
			values[j] = series.of(&outcomes[j])
		}
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width = series.colour, 0
		bars.Offset = width * vg.Length(float64(i)-1.5)
		p.Add(bars)
		p.Legend.Add(series.name, bars)
	}
	names := make([]string, len(outcomes))
	for i := range outcomes {
		names[i] = outcomes[i].file.Name
	}
	p.NominalX(names...)
	return p.Save(vg.Length(len(outcomes)+1)*vg.Points(90), vg.Points(320), path)
}
