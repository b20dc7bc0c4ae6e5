package basis

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// parsed is a configuration, and a home of its own.
func parsed(t *testing.T, settings string) (*config.Config, rundir.Home) {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(settings), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	home, err := rundir.At(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	return c, home
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestFiguresOfFiles holds that a file stands in for the built-in figures, and
// that with prices and machines of files nothing else is priced.
func TestFiguresOfFiles(t *testing.T) {
	c, home := parsed(t, "links: [{from: aws:us-east-1, to: aws:us-west-2, gbps: 1, usd_per_gb: 0.5}]")
	files := Files{
		Grid:     file(t, "src,dst,gbps\naws:a,aws:b,4\n"),
		Prices:   file(t, "src,dst,usd_per_gb\naws:a,aws:b,0.03\naws:c,aws:b,0.03\n"),
		Machines: file(t, "cloud,type,egress_gbps,ingress_gbps,usd_per_hour\naws,m,5,10,2\n"),
	}
	f, err := Read(c, home, files)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := f.Grid.Link("aws:a", "aws:b"); err != nil || l.Gbps != 4 {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := f.Grid.Link("aws:us-east-1", "aws:us-east-2"); err == nil {
		t.Error("a pair that is not in the file has a link")
	}
	if l, err := f.Grid.Link("aws:us-east-1", "aws:us-west-2"); err != nil || l.Gbps != 1 {
		t.Errorf("the configuration does not win: %+v, %v", l, err)
	}
	if p, err := f.Prices.Egress("aws:a", "aws:b"); err != nil || p.USD != 0.03 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := f.Prices.Egress("aws:us-east-1", "aws:us-west-2"); err != nil || p.USD != 0.5 {
		t.Errorf("the configuration does not win: %+v, %v", p, err)
	}
	if got := f.Grid.Machines("aws:a"); len(got) != 1 || got[0] != (grid.Machine{Type: "m", Egress: 5, Ingress: 10}) {
		t.Errorf("machines: %+v", got)
	}
	if p, err := f.Prices.Address("aws:a"); err == nil {
		t.Errorf("addresses are priced: %+v", p)
	}
	var brought, catalogue []region.Region
	for _, r := range f.Regions() {
		if _, ok := region.Find(r); ok {
			catalogue = append(catalogue, r)
		} else {
			brought = append(brought, r)
		}
	}
	if want := []region.Region{"aws:a", "aws:b", "aws:c"}; !slices.Equal(brought, want) || len(catalogue) != len(region.Places()) {
		t.Errorf("regions %v and %d of the catalogue, want %v and all", brought, len(catalogue), want)
	}

	files.Machines = ""
	if f, err = Read(c, home, files); err != nil {
		t.Fatal(err)
	}
	if p, err := f.Prices.Machine("aws:us-east-1", "m5.8xlarge"); err != nil || p.USD != 1.536 {
		t.Errorf("the catalogue's machines: %+v, %v", p, err)
	}
	var unknown *price.UnknownError
	if _, err := f.Prices.Egress("aws:us-east-1", "aws:us-east-2"); !errors.As(err, &unknown) {
		t.Errorf("a pair that is not in the file: %v", err)
	}
}

// TestImport holds that an import goes before the model and replaces the last.
func TestImport(t *testing.T) {
	c, home := parsed(t, "")
	link := func() grid.Link {
		t.Helper()
		f, err := Read(c, home, Files{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := f.Grid.Link("aws:us-east-1", "aws:us-west-2")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := link(); l.Source != grid.SourceModel {
		t.Errorf("before: %+v", l)
	}
	const head = "src,dst,gbps\naws:us-east-1,aws:us-west-2,"
	for _, gbps := range []string{"4.5", "6"} {
		imported, err := Import(home, file(t, head+gbps+"\n"))
		if err != nil || imported.Links != 1 || imported.File != filepath.Join(home.Dir(), "grid.csv") {
			t.Fatalf("%+v, %v", imported, err)
		}
	}
	if l := link(); l.Gbps != 6 || l.Source == grid.SourceModel {
		t.Errorf("after: %+v", l)
	}
	// What is wrong replaces nothing.
	var wrong *failure.UsageError
	if _, err := Import(home, file(t, head+"x\n")); !errors.As(err, &wrong) {
		t.Errorf("%v", err)
	}
	if l := link(); l.Gbps != 6 {
		t.Errorf("after a failure: %+v", l)
	}
}

// TestRelays holds that nobody's data goes through a cloud that the transfer is
// not in and that they have no account for.
func TestRelays(t *testing.T) {
	c, _ := parsed(t, "{regions: {local:east: {}}, clouds: {gcp: {project: p}}}")
	got := relays(c, []region.Region{"aws:us-east-1", "local:west"})
	clouds := map[region.Cloud]int{}
	for _, r := range got {
		clouds[r.Cloud()]++
	}
	if clouds[region.AWS] < 20 || clouds[region.GCP] < 20 || clouds[region.Azure] != 0 || clouds[region.Local] != 1 || !slices.IsSorted(got) {
		t.Errorf("%v", clouds)
	}
}
