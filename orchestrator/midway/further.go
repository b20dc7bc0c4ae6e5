package midway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Growth is a run with further gateways.
type Growth struct {
	Layout *layout.Layout
	Added  []overlay.Region
	Paths  []string // for people: what the routes are

	Provision time.Duration // until those that are added are up
	Takes     time.Duration // until all is done
	Saves     time.Duration // by which that is sooner
	Rest      overlay.Cost  // of what is left when they are up, and of what is added
}

// String says what is added: "1 gateway in local:mid and 2 in local:west".
func (g *Growth) String() string {
	var parts []string
	for i, r := range g.Added {
		text := fmt.Sprint(r.Gateways)
		if i == 0 && r.Gateways == 1 {
			text += " gateway"
		} else if i == 0 {
			text += " gateways"
		}
		if r.Machine != "" {
			text += " (" + r.Machine + ")"
		}
		parts = append(parts, text+" in "+string(r.Region))
	}
	return strings.Join(parts, " and ")
}

// NothingError is why no gateways are added where nothing is wrong.
type NothingError string

func (e NothingError) Error() string { return string(e) }

// Enough is that where nobody need be told.
const Enough NothingError = "other routes are enough"

// Supply is what further gateways there may be.
type Supply struct {
	Limits  planner.Limits        // of a plan between the run's ends
	Hosts   map[region.Region]int // how many a region has: one more on the same host carries no more
	Lacking map[region.Kind]int   // what there is no room for, as planner.Limits has it
}

// Further returns what further gateways make of a run: of the types that a region
// has, or in regions that had none. The planner decides, with what the run has
// shown of its links. What is there costs nothing more; what is added costs its
// price from when it is ordered, and carries nothing until it is up. The error is
// a NothingError where that is not worth while.
func (r Run) Further(ctx context.Context, g Goals, s Supply) (*Growth, error) {
	if r.Measured.Rate*surprising >= g.Promised {
		return nil, Enough
	}
	found, err := r.solveFurther(ctx, g, s)
	if err != nil {
		return nil, err
	}
	return r.grow(found)
}

// solveFurther asks the planner for a plan of what is left when further gateways
// are up: at the rate that was promised, or that --max-time takes, or else the
// quickest that may be paid for.
func (r Run) solveFurther(ctx context.Context, g Goals, s Supply) (overlay.Overlay, error) {
	job, limits := r.widened(s)
	slowest := time.Duration(0)
	for _, at := range limits.Relays {
		slowest = max(slowest, limits.Provision[at.Cloud()])
	}
	left := r.left(slowest)
	if left <= 0 {
		return overlay.Overlay{}, NothingError("it is done before others are up")
	}
	wanted := g.Promised
	if rest := g.TimeLeft - slowest; rest > 0 {
		wanted = max(wanted, left/rest.Seconds())
	}
	may := max(0, g.MayCost-r.EgressPerHour()*unit.USD(slowest.Hours()))
	job.Bytes, job.MaxCost, job.MinThroughput = unit.Bytes(left), &may, unit.Gbps(wanted*8/1e9)
	job.Mode, job.Limit = g.Mode, g.Limit
	found, err := planner.Solve(ctx, job, r.believed, r.prices, limits)
	infeasible := (*planner.Infeasible)(nil)
	if errors.As(err, &infeasible) {
		job.MinThroughput = 0
		found, err = planner.Solve(ctx, job, r.believed, r.prices, limits)
	}
	if errors.As(err, &infeasible) {
		err = NothingError("no plan with others costs what the run may: " + err.Error())
	}
	return found, err
}

// Ends are the regions that the run reads and writes in.
func (r Run) Ends() []region.Region {
	job, _ := standing(r.Layout.Overlay, 0)
	return slices.Concat(append(slices.Clone(job.Dests), job.Sources)...)
}

// widened is the job of moving what is left, and the limits of gateways that there
// are and may be.
func (r Run) widened(s Supply) (planner.Job, planner.Limits) {
	job, there := standing(r.Layout.Overlay, unit.Bytes(r.Measured.Left))
	limits := s.Limits
	job.Gateways = &limits.Gateways
	if len(limits.Allow) > 0 {
		limits.Allow = slices.Concat(limits.Allow, there.Relays)
	}
	limits.Relays = slices.Concat(limits.Relays, there.Relays)
	limits.Most, limits.Standing = map[region.Kind]int{}, map[region.Kind]int{}
	maps.Copy(limits.Most, s.Lacking)
	for _, x := range r.Layout.Overlay.Regions {
		limits.Standing[region.Kind{Region: x.Region, Machine: x.Machine}] += x.Gateways
	}
	for _, at := range there.Relays {
		n := there.Most[region.Kind{Region: at}]
		whole := region.Kind{Region: at}
		// What reads takes what no reader has been given yet.
		if most, limited := limits.Most[whole]; limited && most < n || slices.Contains(job.Sources, at) && 2*r.Measured.Unread < r.Measured.Left {
			limits.Most[whole] = n
		}
		for _, t := range r.believed.Machines(at) {
			// Trees are spread over the gateways of a region by what each passes:
			// that is known of the types that it has.
			if kind := (region.Kind{Region: at, Machine: t.Type}); limits.Standing[kind] == 0 && t.Type != "" {
				limits.Most[kind] = 0
			}
		}
	}
	for at, hosts := range s.Hosts {
		whole := region.Kind{Region: at}
		if most, limited := limits.Most[whole]; !limited || most > hosts {
			limits.Most[whole] = max(hosts, there.Most[whole])
		}
	}
	return job, limits
}

// grow returns what a run becomes by a plan with further gateways, if that is
// worth while.
func (r Run) grow(found overlay.Overlay) (*Growth, error) {
	g := &Growth{Rest: found.Cost}
	base := *r.Layout.Overlay
	base.Regions = slices.Clone(base.Regions)
	last := base.Joined("", allTimes) + 1
	for _, x := range found.Regions {
		if x.Joined == 0 {
			continue
		}
		x.Joined = last
		if was := slices.IndexFunc(r.Layout.Overlay.Regions, func(y overlay.Region) bool { return y.Region == x.Region && y.Machine == x.Machine }); was >= 0 {
			x.Gbits = r.Layout.Overlay.Regions[was].Gbits
		}
		g.Added, base.Regions = append(g.Added, x), append(base.Regions, x)
	}
	if len(g.Added) == 0 {
		return nil, NothingError("no others would be of use")
	}
	g.Provision = time.Duration(found.Time.Provision * float64(time.Second))
	g.Takes = g.Provision + time.Duration(r.left(g.Provision)/rate(found.Throughput)*float64(time.Second))
	staying := time.Duration(r.left(0) / r.Measured.Rate * float64(time.Second))
	if float64(staying) < worthwhile*float64(g.Takes) {
		return nil, NothingError(fmt.Sprintf("with %s more it would take %v instead of %v", g, g.Takes.Round(time.Second), staying.Round(time.Second)))
	}
	g.Saves = staying - g.Takes
	next, paths := grown(&base, &found)
	l, err := r.Layout.Extend(&next)
	if err != nil {
		return nil, fmt.Errorf("lay out %s: %w", g, err)
	}
	g.Layout, g.Paths = l, paths
	return g, nil
}

// allTimes is later than any gateways joined.
const allTimes = int(^uint(0) >> 1)
