package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
)

// planView shows a plan, and the command that carries it out where that is up to
// the user.
func planView(p orchestrator.Plan, apply string) view {
	return func(w io.Writer) error {
		title := fmt.Sprintf("Plan of run %s: %s, %s\n\n", p.Run, quantity(p.Objects, "object"), p.Bytes.Human())
		if _, err := io.WriteString(w, title); err != nil {
			return err
		}
		if err := columns(w, func(w io.Writer) { planRows(w, p) }); err != nil {
			return err
		}
		if apply == "" {
			return nil
		}
		_, err := fmt.Fprintf(w, "\nNothing has been created. To carry it out:\n  %s\n", apply)
		return err
	}
}

// planRows writes one row a fact: its name, a tab, the fact.
func planRows(w io.Writer, p orchestrator.Plan) {
	overlayRows(w, p.Overlay)
	rows(w, "warnings", warningRows(p.Warnings))
	if p.Terraform.Dir != "" {
		rows(w, "terraform", []string{
			fmt.Sprintf("%d to add, %d to change, %d to destroy", p.Terraform.Add, p.Terraform.Change, p.Terraform.Destroy),
			p.Terraform.Dir,
		})
	}
}

// overlayRows writes what a plan says without a run.
func overlayRows(w io.Writer, p overlay.Overlay) {
	rows(w, "routes", routeRows(p.Routes))
	rows(w, "gateways", gatewayRows(p.Regions))
	rows(w, "throughput", []string{p.Throughput.Human()})
	rows(w, "limited by", p.Bottlenecks)
	rows(w, "time", []string{fmt.Sprintf("%s: %s to provision, %s to transfer",
		seconds(p.Time.Provision+p.Time.Transfer), seconds(p.Time.Provision), seconds(p.Time.Transfer))})
	rows(w, "cost", []string{fmt.Sprintf("%s: egress %s, machines %s, requests %s",
		p.Cost.Total, p.Cost.Egress, p.Cost.Machines, p.Cost.Requests)})
	if p.Gap > 0 {
		rows(w, "optimality", []string{fmt.Sprintf("within %.2g %% of the best plan", 100*p.Gap)})
	}
	if d := p.Direct; d != nil && relayed(p.Graph) {
		rows(w, "directly", []string{fmt.Sprintf("%s, %s, %s", d.Throughput.Human(), seconds(d.Time), d.Cost)})
	}
	rows(w, "assumed", assumedRows(p.Graph))
	rows(w, "links", sourceRows(p.Graph))
}

func warningRows(warnings []string) []string {
	var out []string
	for _, text := range warnings {
		out = append(out, printable(text))
	}
	return out
}

// rows writes the facts of one name, which only the first has.
func rows(w io.Writer, name string, facts []string) {
	for _, fact := range facts {
		fmt.Fprintf(w, "%s\t%s\n", name, fact)
		name = ""
	}
}

func routeRows(routes []overlay.Route) []string {
	several := false
	for _, r := range routes {
		several = several || r.Dest > 0
	}
	var out []string
	for _, r := range routes {
		text := fmt.Sprintf("%s at %s", r, r.Gbits.Human())
		if several {
			text += fmt.Sprintf(", to destination %d", r.Dest+1)
		}
		out = append(out, text)
	}
	return out
}

func gatewayRows(regions []overlay.Region) []string {
	if len(regions) == 0 {
		return []string{"none: skyctl moves the bytes itself"}
	}
	var out []string
	for _, r := range regions {
		text := fmt.Sprintf("%d in %s", r.Gateways, r.Region)
		if r.Machine != "" {
			text += ", " + r.Machine
		}
		if r.USDPerHour > 0 {
			text += fmt.Sprintf(", %s an hour each", r.USDPerHour)
		}
		out = append(out, text)
	}
	return out
}

// assumedRows name the links of which nobody has said anything.
func assumedRows(g overlay.Graph) []string {
	var out []string
	for _, pair := range g.Assumed() {
		out = append(out, fmt.Sprintf("%s > %s", pair.From, pair.To))
	}
	if len(out) > 0 {
		out = append(out, "each at 1 Gbit/s, 1 ms, $0.00; say what is true under links: in the configuration")
	}
	return out
}

// relayed tells whether some route has a relay.
func relayed(g overlay.Graph) bool {
	return slices.ContainsFunc(g.Routes, func(r overlay.Route) bool { return len(r.Path) > 2 })
}

// sourceRows say what the throughput of links is known from, where that is not
// the configuration's word.
func sourceRows(g overlay.Graph) []string {
	var out []string
	for _, e := range g.Edges {
		text := e.Source
		switch {
		case e.Assumed || text == config.Source || text == "":
			continue
		case text == grid.SourceModel:
			text = modelNote
		case !e.Measured.IsZero():
			text = fmt.Sprintf("%s, %s", e.Pair(), measured(e.Measured, e.Spread))
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
