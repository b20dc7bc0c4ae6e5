package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/region"
)

type regionsCmd struct {
	Cloud region.Cloud `enum:"aws,gcp,azure," default:"" placeholder:"CLOUD" help:"Only those of one cloud: aws, gcp or azure."`
}

type regionsDoc struct {
	Regions []regionDoc `json:"regions"`
}

type regionDoc struct {
	Region   region.Region `json:"region"`
	City     string        `json:"city"`
	Area     region.Area   `json:"area"`
	Lat      float64       `json:"lat"`
	Lon      float64       `json:"lon"`
	Machines []string      `json:"machines"`
	Date     string        `json:"date"`
	Source   string        `json:"source"`
}

// Run needs no configuration: regions of the user's own are in there already.
func (c *regionsCmd) Run(out *console) error {
	doc := regionsDoc{[]regionDoc{}}
	for _, p := range region.Places() {
		if c.Cloud != "" && c.Cloud != p.Region.Cloud() {
			continue
		}
		r := regionDoc{p.Region, p.City, p.Area, p.Lat, p.Lon, []string{}, p.Date, p.Source}
		for _, m := range region.Machines(p.Region) {
			r.Machines = append(r.Machines, m.Type)
		}
		doc.Regions = append(doc.Regions, r)
	}
	out.answer(doc, func(w io.Writer) error { return regionsView(w, doc) })
	return nil
}

func regionsView(w io.Writer, doc regionsDoc) error {
	return columns(w, func(w io.Writer) {
		fmt.Fprintln(w, "REGION\tCITY\tAREA\tLAT\tLON\tMACHINES")
		for _, r := range doc.Regions {
			fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%.2f\t%s\n", r.Region, r.City, r.Area, r.Lat, r.Lon, families(r.Machines))
		}
	})
}

// families are the names of machine types without their sizes.
func families(machines []string) string {
	var names []string
	for _, m := range machines {
		name, _, _ := strings.Cut(m, ".")
		if i := strings.LastIndex(name, "-"); i > 0 {
			name = name[:i]
		}
		names = append(names, name)
	}
	return strings.Join(slices.Compact(names), ", ")
}
