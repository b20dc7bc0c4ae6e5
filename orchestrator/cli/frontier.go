package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guptarohit/asciigraph"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/quote"
)

// frontierFlags ask for all plans worth a choice beside the one that was
// chosen.
type frontierFlags struct {
	Pareto bool   `help:"Show the frontier too: the plans of which none is both cheaper and quicker than another."`
	Plot   string `placeholder:"FILE" help:"Draw the frontier into a file that ends in .svg or .png; goes with --pareto."`
}

// formats are the endings that Plot may have.
var formats = []string{".png", ".svg"}

// wanted tells whether the frontier is to be computed.
func (f *frontierFlags) wanted() (bool, error) {
	if f.Plot != "" && !slices.Contains(formats, filepath.Ext(f.Plot)) {
		return false, wrongUsage(fmt.Sprintf("--plot %s ends neither in .svg nor in .png", f.Plot))
	}
	return f.Pareto || f.Plot != "", nil
}

// minutes is a point's time, provisioning included.
func minutes(p quote.Point) float64 { return p.Time.Total().Minutes() }

// frontierView shows the frontier as a table and a chart; nothing if there is
// none.
func frontierView(points []quote.Point) view {
	return func(w io.Writer) error {
		if len(points) == 0 {
			return nil
		}
		fmt.Fprintln(w)
		err := columns(w, func(w io.Writer) {
			fmt.Fprintln(w, "THROUGHPUT\tTIME\tCOST\tGATEWAYS")
			for _, p := range points {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", p.Throughput.Human(), seconds(p.Time.Total().Seconds()), p.Cost.Total, p.Gateways)
			}
		})
		if err != nil || len(points) < 2 {
			return err
		}
		_, err = fmt.Fprintf(w, "\n%s\n", chart(points))
		return err
	}
}

// Size of the chart, in characters.
const (
	chartWidth  = 60
	chartHeight = 12
)

// chart draws the least cost with which the transfer is done within a time,
// over that time.
func chart(points []quote.Point) string {
	ordered := slices.SortedFunc(slices.Values(points), func(a, b quote.Point) int {
		return int(a.Time.Total() - b.Time.Total())
	})
	first, last := minutes(ordered[0]), minutes(ordered[len(ordered)-1])
	series := make([]float64, chartWidth)
	for i := range series {
		at := first + (last-first)*float64(i)/(chartWidth-1)
		for _, p := range ordered {
			if minutes(p) <= at*(1+1e-9) {
				series[i] = float64(p.Cost.Total)
			}
		}
	}
	caption := fmt.Sprintf("cost in USD, done within %s to %s", seconds(first*60), seconds(last*60))
	text := asciigraph.Plot(series, asciigraph.Height(chartHeight), asciigraph.Precision(2), asciigraph.Caption(caption))
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// write draws the frontier into the file, if one is wanted.
func (f *frontierFlags) write(points []quote.Point, title string) error {
	if f.Plot == "" {
		return nil
	}
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = "time in minutes, provisioning included", "cost in USD"
	p.Add(plotter.NewGrid())
	xys := make(plotter.XYs, len(points))
	labels := plotter.XYLabels{XYs: xys}
	for i, point := range points {
		xys[i] = plotter.XY{X: minutes(point), Y: float64(point.Cost.Total)}
		labels.Labels = append(labels.Labels, " "+point.Throughput.Human())
	}
	line, dots, err := plotter.NewLinePoints(xys)
	if err != nil {
		return fmt.Errorf("draw the frontier: %w", err)
	}
	dots.Shape = draw.CircleGlyph{}
	names, err := plotter.NewLabels(labels)
	if err != nil {
		return fmt.Errorf("draw the frontier: %w", err)
	}
	p.Add(line, dots, names)
	return save(p, f.Plot)
}

func save(p *plot.Plot, path string) error {
	image, err := p.WriterTo(8*vg.Inch, 5*vg.Inch, filepath.Ext(path)[1:])
	if err != nil {
		return fmt.Errorf("draw the frontier: %w", err)
	}
	var data strings.Builder
	if _, err := image.WriteTo(&data); err != nil {
		return fmt.Errorf("draw the frontier: %w", err)
	}
	if err := os.WriteFile(path, []byte(data.String()), 0o666); err != nil {
		return &orchestrator.PreconditionError{Err: err, Hint: "name another file with --plot"}
	}
	return nil
}
