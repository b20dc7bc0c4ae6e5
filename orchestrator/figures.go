package orchestrator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// FigureFiles are files that stand in for the built-in figures; empty: they do
// not. What the configuration states goes before both.
type FigureFiles struct {
	Grid     string // CSV of links: pairs that are not in it are none
	Prices   string // CSV of egress: pairs that are not in it have no price
	Machines string // CSV of machine types: there are no others
}

// Figures are what plans rest on.
type Figures struct {
	Grid   *grid.Grid
	Prices *price.Book

	priced []region.Region // by a file of prices
}

// Regions returns every region that grid, prices or the catalogue know, in the
// order of their names.
func (f Figures) Regions() []region.Region {
	all := append(f.Grid.Regions(), f.priced...)
	for _, p := range region.Places() {
		all = append(all, p.Region)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Figures returns what the configuration states, then what the files do, or for
// a file that is not given what was imported and is built in. What is wrong with
// a file is wrong usage.
func (o *Orchestrator) Figures(files FigureFiles) (Figures, error) {
	f := Figures{Grid: o.Config.Grid(), Prices: o.Config.Prices()}
	var err error
	if f.Grid, err = o.links(f.Grid, files.Grid); err != nil {
		return Figures{}, err
	}
	if files.Machines != "" {
		offers, err := readFile(files.Machines, price.ReadOffers)
		if err != nil {
			return Figures{}, err
		}
		f.Grid, f.Prices = f.Grid.WithMachines(price.ByCloud(offers)), f.Prices.WithOffers(offers)
	}
	if files.Prices != "" {
		t, err := readFile(files.Prices, price.Read)
		if err != nil {
			return Figures{}, err
		}
		f.Prices, f.priced = f.Prices.WithTable(t), t.Regions()
	}
	// With both files only they count, also for addresses and disks.
	if files.Prices == "" || files.Machines == "" {
		f.Prices = f.Prices.WithRules()
	}
	return f, nil
}

// links adds measured links and the model to what the configuration states.
func (o *Orchestrator) links(g *grid.Grid, file string) (*grid.Grid, error) {
	if file != "" {
		t, err := readFile(file, grid.Read)
		if err != nil {
			return nil, err
		}
		return g.WithOnly(t), nil
	}
	measured, err := o.measurements()
	if err != nil {
		return nil, err
	}
	fresh, old := measured.Tables(time.Now())
	g = g.WithTable(fresh)
	t, err := readFile(o.importedGrid(), grid.Read)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		g = g.WithTable(t)
	}
	return g.WithTable(old).WithModel(), nil
}

// measurements are what Measure kept.
func (o *Orchestrator) measurements() (grid.Measurements, error) {
	m, err := readFile(o.measuredGrid(), grid.ReadMeasurements)
	if errors.Is(err, fs.ErrNotExist) {
		return grid.Measurements{}, nil
	}
	return m, err
}

// measuredGrid is where Measure keeps what it found.
func (o *Orchestrator) measuredGrid() string { return filepath.Join(o.Home.Dir(), "measured.csv") }

// importedGrid is where ImportGrid keeps links.
func (o *Orchestrator) importedGrid() string { return filepath.Join(o.Home.Dir(), "grid.csv") }

// Imported tells what ImportGrid kept, and where.
type Imported struct {
	Links int    `json:"links"`
	File  string `json:"file"`
}

// ImportGrid checks a file of measured links and keeps it in the home: from now
// on plans believe it before the built-in model, in place of what was imported
// before.
func (o *Orchestrator) ImportGrid(file string) (Imported, error) {
	t, err := readFile(file, grid.Read)
	if err != nil {
		return Imported{}, err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "# imported from %q on %s\n", file, time.Now().Format(time.DateOnly))
	if err := t.Write(&text); err != nil {
		return Imported{}, err
	}
	err = os.MkdirAll(o.Home.Dir(), 0o700)
	if err == nil {
		err = rundir.WriteFile(o.importedGrid(), text.Bytes())
	}
	if err != nil {
		return Imported{}, &PreconditionError{Err: err, Hint: "set SKYCTL_HOME to a directory that can be written"}
	}
	return Imported{t.Len(), o.importedGrid()}, nil
}

// readFile reads a table that the user named.
func readFile[T any](name string, read func(name string, r io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(name)
	if err != nil {
		return none, &UsageError{Err: fmt.Errorf("cannot read the table: %w", err)}
	}
	defer f.Close()
	t, err := read(name, f)
	if err != nil {
		return none, &UsageError{Err: err, Hint: "correct the table"}
	}
	return t, nil
}

// relays returns where relays may be in a transfer between regions: those that
// the configuration declares and, of the clouds that the transfer is in or that
// the configuration has an account for, all regions that the catalogue has.
func (o *Orchestrator) relays(ends []region.Region) []region.Region {
	clouds := o.Config.Clouds.Configured()
	for _, r := range ends {
		clouds = append(clouds, r.Cloud())
	}
	all := o.Config.Relays()
	for _, p := range region.Places() {
		if slices.Contains(clouds, p.Region.Cloud()) {
			all = append(all, p.Region)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
