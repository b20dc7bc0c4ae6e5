package measure

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Request asks what regions can send to each other.
type Request struct {
	Regions  []region.Region `json:"regions"`  // each to each
	Gateways int             `json:"gateways"` // a region; the first to the first, then the second to the second
	Seconds  int             `json:"seconds"`  // of each measurement
}

// between is the time that a measurement takes beyond its seconds: dialing,
// the second that does not count, the choice of a transport.
const between = 4 * time.Second

// Plan is the overlay by which gateways are made for a measurement: a route for
// each ordered pair. Every error is wrong usage.
func Plan(req Request, c *config.Config, f basis.Figures) (*overlay.Overlay, error) {
	if err := check(req, c, f); err != nil {
		return nil, &failure.UsageError{Err: err}
	}
	p := &overlay.Overlay{}
	machines := map[region.Region]grid.Machine{}
	for _, r := range req.Regions {
		m, usd, err := strongest(r, c, f)
		if err != nil {
			return nil, &failure.UsageError{Err: err}
		}
		machines[r] = m
		p.Regions = append(p.Regions, overlay.Region{Region: r, Gateways: req.Gateways, Machine: m.Type, USDPerHour: usd})
		p.Time.Provision = max(p.Time.Provision, basis.Provisioning[r.Cloud()].Seconds())
	}
	for _, from := range req.Regions {
		for _, to := range req.Regions {
			if from == to {
				continue
			}
			usd, err := f.Prices.Egress(from, to)
			if err != nil {
				return nil, &failure.UsageError{Err: err}
			}
			believed := grid.Least(machines[from].Egress, machines[to].Ingress)
			if l, err := f.Grid.Link(from, to); err == nil {
				believed = grid.Least(believed, l.Gbps)
			}
			believed = cmp.Or(believed, grid.AssumedGbps)
			gb := float64(believed) / 8 * float64((req.Seconds+1)*req.Gateways)
			p.Cost.Egress += usd.USD * unit.USD(gb)
			p.Routes = append(p.Routes, overlay.Route{Path: []region.Region{from, to}, Gbits: believed, Tree: len(p.Routes)})
			p.Edges = append(p.Edges, overlay.Edge{From: from, To: to, Gbits: believed, USDPerGB: usd.USD,
				Connections: req.Gateways * grid.MeasureConnections(grid.Pair{From: from, To: to})})
		}
	}
	p.Time.Transfer = float64(len(p.Routes)*req.Gateways) * (time.Duration(req.Seconds)*time.Second + between).Seconds()
	for _, r := range p.Regions {
		p.Cost.Machines += r.USDPerHour * unit.USD(float64(r.Gateways)*p.Time.Total().Hours())
	}
	p.Cost.Total = p.Cost.Egress + p.Cost.Machines
	if long := p.Time.Total(); long > deploy.MaxLifetime {
		return nil, &failure.UsageError{Err: fmt.Errorf("measuring takes about %v, and no gateway lives longer than %v", long.Round(time.Hour), deploy.MaxLifetime),
			Hint: "name fewer regions or gateways"}
	}
	return p, nil
}

func check(req Request, c *config.Config, f basis.Figures) error {
	known := append(f.Regions(), c.Relays()...)
	for i, r := range req.Regions {
		switch {
		case r != region.Workstation && !slices.Contains(known, r):
			return fmt.Errorf("region %s is unknown; skyctl regions lists those of clouds, regions in the configuration adds your own", r)
		case slices.Contains(req.Regions[:i], r):
			return fmt.Errorf("region %s is given twice, name each once", r)
		case len(c.Allow.Regions) > 0 && !slices.Contains(c.Allow.Regions, r):
			return fmt.Errorf("%s is not in allow.regions, add it", r)
		}
	}
	switch most := c.Limits.GatewaysPerRegion; {
	case len(req.Regions) < 2:
		return errors.New("a link joins two regions, name at least two")
	case req.Gateways < 1 || req.Gateways > most:
		return fmt.Errorf("%d gateways a region are not within 1 and %d, which limits.gateways_per_region allows", req.Gateways, most)
	case req.Seconds < 2 || req.Seconds > control.MaxMeasureSeconds: // one has no spread
		return fmt.Errorf("a pair is measured for 2 to %d whole seconds", control.MaxMeasureSeconds)
	}
	return nil
}

// strongest returns the machine type by which a region is measured, so that it
// is the way and not the machine: of those that are allowed the one that sends
// and receives most, of equal ones the cheapest.
func strongest(r region.Region, c *config.Config, f basis.Figures) (best grid.Machine, usd unit.USD, err error) {
	allowed := basis.WithAgent(c, c.Allow.Machines)
	found := false
	unknown := fmt.Errorf("there is no machine for a gateway in %s; allow.machines may leave none", r)
	for _, m := range f.Grid.Machines(r) {
		if m.Type != "" && len(allowed) > 0 && !slices.Contains(allowed, m.Type) {
			continue
		}
		price, err := f.Prices.Machine(r, m.Type)
		if err != nil {
			unknown = err
			continue
		}
		can, most := grid.Least(m.Egress, m.Ingress), grid.Least(best.Egress, best.Ingress)
		if !found || can > most || (can == most && price.USD < usd) {
			best, usd, found = m, price.USD, true
		}
	}
	if !found {
		return best, 0, unknown
	}
	return best, usd, nil
}
