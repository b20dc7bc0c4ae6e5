package basis

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

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// Files are files that stand in for the built-in figures; empty: they do
// not. What the configuration states goes before both.
type Files struct {
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

// Read returns what the configuration states, then what the files do, or for
// a file that is not given what was imported and is built in. What is wrong with
// a file is wrong usage.
func Read(c *config.Config, home rundir.Home, files Files) (Figures, error) {
	f := Figures{Grid: c.Grid(), Prices: c.Prices()}
	var err error
	if f.Grid, err = links(f.Grid, home, files.Grid); err != nil {
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
func links(g *grid.Grid, home rundir.Home, file string) (*grid.Grid, error) {
	if file != "" {
		t, err := readFile(file, grid.Read)
		if err != nil {
			return nil, err
		}
		return g.WithOnly(t), nil
	}
	measured, err := measurements(home)
	if err != nil {
		return nil, err
	}
	fresh, old := measured.Tables(time.Now())
	g = g.WithTable(fresh)
	t, err := readFile(imported(home), grid.Read)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		g = g.WithTable(t)
	}
	return g.WithTable(old).WithModel(), nil
}

// measurements are what Keep kept.
func measurements(home rundir.Home) (grid.Measurements, error) {
	m, err := readFile(MeasuredFile(home), grid.ReadMeasurements)
	if errors.Is(err, fs.ErrNotExist) {
		return grid.Measurements{}, nil
	}
	return m, err
}

// MeasuredFile is where Keep keeps measurements.
func MeasuredFile(home rundir.Home) string { return filepath.Join(home.Dir(), "measured.csv") }

// imported is where Import keeps links.
func imported(home rundir.Home) string { return filepath.Join(home.Dir(), "grid.csv") }

// Imported tells what Import kept, and where.
type Imported struct {
	Links int    `json:"links"`
	File  string `json:"file"`
}

// Import checks a file of measured links and keeps it in the home: from now
// on plans believe it before the built-in model, in place of what was imported
// before.
func Import(home rundir.Home, file string) (Imported, error) {
	t, err := readFile(file, grid.Read)
	if err != nil {
		return Imported{}, err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "# imported from %q on %s\n", file, time.Now().Format(time.DateOnly))
	if err := t.Write(&text); err != nil {
		return Imported{}, err
	}
	err = os.MkdirAll(home.Dir(), 0o700)
	if err == nil {
		err = rundir.WriteFile(imported(home), text.Bytes())
	}
	if err != nil {
		return Imported{}, &failure.PreconditionError{Err: err, Hint: "set SKYCTL_HOME to a directory that can be written"}
	}
	return Imported{t.Len(), imported(home)}, nil
}

// Keep puts a measurement in the place of the pair's earlier one.
func Keep(home rundir.Home, m grid.Measurement) error {
	return home.Exclusive("measured", func() error {
		all, err := measurements(home)
		if err != nil {
			return err
		}
		all[m.Pair] = m
		var text bytes.Buffer
		if err := all.Write(&text); err != nil {
			return err
		}
		return rundir.WriteFile(MeasuredFile(home), text.Bytes())
	})
}

// readFile reads a table that the user named.
func readFile[T any](name string, read func(name string, r io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(name)
	if err != nil {
		return none, &failure.UsageError{Err: fmt.Errorf("cannot read the table: %w", err)}
	}
	defer f.Close()
	t, err := read(name, f)
	if err != nil {
		return none, &failure.UsageError{Err: err, Hint: "correct the table"}
	}
	return t, nil
}
