package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

type pricesCmd struct {
	From     region.Region `arg:"" optional:"" name:"from" help:"The region that sends; with --machines the region that they are in."`
	To       region.Region `arg:"" optional:"" name:"to" help:"The region that receives."`
	Machines bool          `help:"Prices of machines instead of egress."`
	Prices   string        `placeholder:"FILE" help:"Show the prices of this file: CSV with the columns src,dst,usd_per_gb."`
}

type pricesDoc struct {
	Egress   []egressDoc   `json:"egress,omitempty"`
	Machines []machineDoc  `json:"machines,omitempty"`
	Gateways []extrasDoc   `json:"gateways,omitempty"`
	Stores   []requestsDoc `json:"stores,omitempty"`
}

// egressDoc is the price of a GB (1e9 bytes).
type egressDoc struct {
	From   string    `json:"from"` // a region; without arguments also a cloud, and its area
	To     string    `json:"to"`
	USD    unit.USD  `json:"usd_per_gb"` // of the first GB of a month
	Tiers  []tierDoc `json:"tiers,omitempty"`
	Date   string    `json:"date"`
	Source string    `json:"source"`
}

type tierDoc struct {
	UpTo unit.Bytes `json:"up_to_bytes"` // 0: no end
	USD  unit.USD   `json:"usd_per_gb"`
}

type requestsDoc struct {
	Store  string   `json:"store"`
	Put    unit.USD `json:"usd_per_put"`
	Get    unit.USD `json:"usd_per_get"`
	Egress *float64 `json:"usd_per_gb,omitempty"` // where the store bills reading itself
	Date   string   `json:"date"`
	Source string   `json:"source"`
}

func (c *pricesCmd) Run(s service, out *console) error {
	f, err := s.Figures(basis.Files{Prices: c.Prices})
	if err != nil {
		return err
	}
	var doc pricesDoc
	switch {
	case c.Machines && (c.To != "" || c.Prices != ""):
		return wrongUsage("--machines takes one region or none, and no --prices")
	case c.Machines:
		doc, err = machinePrices(c.From, f)
	case c.From == "" && c.Prices == "":
		doc = listPrices(f.Prices)
	default:
		doc.Egress, err = egressPrices(c.From, c.To, f)
	}
	if err != nil {
		return err
	}
	out.answer(doc, func(w io.Writer) error { return pricesView(w, doc) })
	return nil
}

// egressPrices are those of all pairs that have one, between the regions named
// or all.
func egressPrices(from, to region.Region, f basis.Figures) ([]egressDoc, error) {
	sources, dests, err := pairs(from, to, f.Regions())
	if err != nil {
		return nil, err
	}
	list := []egressDoc{}
	for _, from := range sources {
		for _, to := range dests {
			p, err := f.Prices.Egress(from, to)
			if unknown, ok := errors.AsType[*price.UnknownError](err); ok && len(sources) == 1 && len(dests) == 1 {
				return nil, wrongUsage(unknown.Error())
			} else if ok || from == to {
				continue // none
			}
			list = append(list, egress(string(from), string(to), p))
		}
	}
	return list, nil
}

func egress(from, to string, p price.Price) egressDoc {
	doc := egressDoc{From: from, To: to, USD: p.USD, Date: p.Date, Source: p.Source}
	for _, t := range p.Tiers {
		doc.Tiers = append(doc.Tiers, tierDoc{t.UpTo, t.USD})
	}
	return doc
}

// listPrices are the rules themselves, and what else they price.
func listPrices(b *price.Book) pricesDoc {
	var doc pricesDoc
	for _, r := range price.Rules() {
		doc.Egress = append(doc.Egress, egress(r.From, r.To, r.Price))
	}
	for _, scheme := range price.Stores() {
		r, err := b.Requests(scheme)
		if err != nil {
			continue // a book without rules
		}
		d := requestsDoc{Store: scheme, Put: r.Put, Get: r.Get, Date: r.Date, Source: r.Source}
		if p, ok := b.StoreEgress(scheme); ok {
			usd := float64(p.USD)
			d.Egress = &usd
		}
		doc.Stores = append(doc.Stores, d)
	}
	return doc
}

func pricesView(w io.Writer, doc pricesDoc) error {
	err := columns(w, func(w io.Writer) {
		if doc.Egress != nil {
			fmt.Fprintln(w, "FROM\tTO\tUSD A GB\tDATE\tSOURCE")
		}
		for _, e := range doc.Egress {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.From, e.To, tiersText(e), dash(e.Date), printable(e.Source))
		}
	})
	if err == nil && doc.Stores != nil {
		fmt.Fprintln(w)
		err = columns(w, func(w io.Writer) {
			fmt.Fprintln(w, "STORE\tUSD A 1000 PUT\tUSD A 1000 GET\tUSD A GB\tDATE\tSOURCE")
			for _, r := range doc.Stores {
				gb := "by region"
				if r.Egress != nil {
					gb = fmt.Sprintf("%.4g", *r.Egress)
				}
				fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%s\t%s\t%s\n", r.Store, float64(r.Put)*1000, float64(r.Get)*1000, gb, r.Date, r.Source)
			}
		})
	}
	if err == nil && doc.Egress != nil {
		_, err = fmt.Fprintln(w, "\nA GB is 1e9 bytes. The figures of clouds that bill by the GiB are taken as they are: at most 7 % too much.")
	}
	if err == nil && doc.Machines != nil {
		err = machinesView(w, doc)
	}
	return err
}

// tiersText is "0.09, from 10.2 TB 0.085".
func tiersText(e egressDoc) string {
	text := fmt.Sprintf("%.6g", float64(e.USD))
	for i, t := range e.Tiers {
		if i > 0 {
			text += fmt.Sprintf(", from %s %.6g", e.Tiers[i-1].UpTo.Human(), float64(t.USD))
		}
	}
	return text
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
