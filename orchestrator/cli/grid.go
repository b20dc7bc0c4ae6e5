package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// gridCmd is about the throughput figures that plans rest on.
type gridCmd struct {
	Show    gridShowCmd    `cmd:"" help:"Show what regions can send to each other, and how that is known."`
	Import  gridImportCmd  `cmd:"" help:"Keep measured links, for plans to believe before the built-in model."`
	Measure gridMeasureCmd `cmd:"" help:"Rent gateways, measure what they can send to each other, keep that, and destroy them."`
}

type gridShowCmd struct {
	From region.Region `arg:"" optional:"" name:"from" help:"The region that sends. By default all."`
	To   region.Region `arg:"" optional:"" name:"to" help:"The region that receives. By default all."`
	Grid string        `placeholder:"FILE" help:"Show the links of this file, as skyctl grid import takes it, instead of those that are kept."`
}

type gridDoc struct {
	Links []linkDoc `json:"links"`
}

type linkDoc struct {
	From        region.Region `json:"from"`
	To          region.Region `json:"to"`
	Gbits       unit.Gbps     `json:"gbits"`
	RTTMs       float64       `json:"rtt_ms"` // 0: not known
	Connections int           `json:"connections"`
	Total       bool          `json:"total"` // of all gateways; else of each pair of them
	Source      string        `json:"source"`
	Measured    time.Time     `json:"measured,omitzero"` // by skyctl
	Spread      float64       `json:"spread,omitempty"`  // of that, as a fraction
}

func (c *gridShowCmd) Run(s service, out *console) error {
	f, err := s.Figures(basis.Files{Grid: c.Grid})
	if err != nil {
		return err
	}
	doc := gridDoc{[]linkDoc{}}
	sources, dests, err := pairs(c.From, c.To, f.Regions())
	if err != nil {
		return err
	}
	for _, from := range sources {
		for _, to := range dests {
			l, err := f.Grid.Link(from, to)
			if unknown, ok := errors.AsType[*grid.UnknownError](err); from == to || (ok && (c.From == "" || c.To == "")) {
				continue // no link
			} else if ok {
				return wrongUsage(unknown.Error())
			}
			doc.Links = append(doc.Links, linkDoc{from, to, l.Gbps, l.RTT.Seconds() * 1000, l.Connections, l.Total, l.Source, l.Measured, l.Spread})
		}
	}
	out.answer(doc, func(w io.Writer) error { return gridView(w, doc) })
	return nil
}

// pairs returns the regions between which figures are wanted: those named, or
// all that are known.
func pairs(from, to region.Region, known []region.Region) (sources, dests []region.Region, err error) {
	sources, dests = known, known
	for _, named := range []struct {
		region  region.Region
		regions *[]region.Region
	}{{from, &sources}, {to, &dests}} {
		if named.region == "" {
			continue
		}
		if !slices.Contains(known, named.region) {
			return nil, nil, unknownRegion(named.region)
		}
		*named.regions = []region.Region{named.region}
	}
	if from != "" && from == to {
		return nil, nil, wrongUsage(fmt.Sprintf("%s is given twice, a link joins two regions", from))
	}
	return sources, dests, nil
}

func unknownRegion(r region.Region) error {
	return &orchestrator.UsageError{Err: fmt.Errorf("region %s is unknown", r),
		Hint: "skyctl regions lists those of clouds; your own are those under regions: in the configuration"}
}

func gridView(w io.Writer, doc gridDoc) error {
	modelled, each := false, false
	err := columns(w, func(w io.Writer) {
		fmt.Fprintln(w, "FROM\tTO\tRATE\tRTT\tCONNECTIONS\tSOURCE")
		for _, l := range doc.Links {
			rtt := "-"
			if l.RTTMs > 0 {
				rtt = fmt.Sprintf("%.4g ms", l.RTTMs)
			}
			source := l.Source
			if !l.Measured.IsZero() {
				source = measured(l.Measured, l.Spread)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", l.From, l.To, l.Gbits.Human(), rtt, l.Connections, printable(source))
			modelled, each = modelled || l.Source == grid.SourceModel, each || !l.Total
		}
	})
	if each && err == nil {
		_, err = fmt.Fprintf(w, "\nRates of %d connections are those of each pair of gateways.\n", grid.MachineConnections)
	}
	if modelled && err == nil {
		_, err = fmt.Fprintln(w, modelNote)
	}
	return err
}

// modelNote says what figures of the model are worth.
const modelNote = "model: nobody measured these links for you; it is fitted from the Skyplane project's measurements of January 2022."

type gridImportCmd struct {
	File string `arg:"" name:"file" help:"CSV with the columns src,dst,gbps and maybe rtt_ms; or src_region,dst_region,throughput_sent in bit/s."`
}

type importDoc struct {
	basis.Imported
	outcome
}

func (c *gridImportCmd) Run(s service, out *console) error {
	imported, err := s.ImportGrid(c.File)
	if err != nil {
		return err
	}
	out.answer(&importDoc{imported, outcome{Success: true}}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s imported. Plans believe them before the built-in model; remove %s to go back to it.\n",
			quantity(imported.Links, "link"), imported.File)
		return err
	})
	return nil
}
