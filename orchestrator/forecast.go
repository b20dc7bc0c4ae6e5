package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// A run that is off its forecast has measured links that the plan only believed
// in. The planner is asked again, with those in the place of the beliefs and with
// the gateways that there are, which cost the same whatever is sent over them. Its
// answer becomes other weights for the routes that the run has, and routes that it
// did not have.

const (
	// surprising is the factor by which a link is off what was believed of it
	// before people are told.
	surprising = 1.2
	// worthwhile is by how much another plan must be faster than the run is.
	worthwhile = 1.1
	// nearly all of what machines can send or receive is when they, and not the
	// links between them, are the limit.
	nearly = 0.9
	// spare is the part of an even share that a route keeps which the new plan
	// does without: enough to find out that it has recovered.
	spare = 0.1
)

// watched is a grid that knows what a run has shown of links. What it once found
// stays believed when the link carries less, or the run would go back and forth.
type watched struct {
	planner.Grid
	shown map[grid.Pair]grid.Link
}

func (w watched) Link(from, to region.Region) (grid.Link, error) {
	if l, ok := w.shown[grid.Pair{From: from, To: to}]; ok {
		return l, nil
	}
	return w.Grid.Link(from, to)
}

// standpoint is a run that is off its forecast as it is seen at one time.
type standpoint struct {
	planned
	measured transfer.Measured
	seen     map[grid.Pair]flow
	believed watched
	prices   planner.Prices
}

// rentedAlready is prices by which machines cost nothing more.
type rentedAlready struct{ planner.Prices }

func (rentedAlready) Machine(region.Region, string) (price.Price, error) { return price.Price{}, nil }

// flow is what passed between two regions.
type flow struct {
	all    unit.Gbps
	limits unit.Gbps // of that, where the way was the limit
}

// flows sums what passed between gateways by their regions.
func flows(links []transfer.Carried, home map[route.Gateway]region.Region) map[grid.Pair]flow {
	sum := map[grid.Pair]flow{}
	for _, l := range links {
		pair := grid.Pair{From: home[l.From], To: home[l.To]}
		f, gbps := sum[pair], unit.Gbps(l.Rate*8/1e9)
		f.all += gbps
		if l.Limit {
			f.limits += gbps
		}
		sum[pair] = f
	}
	return sum
}

// learn takes what a run has shown of its links, and returns what of that is
// other than what was believed, for people. A link that was the limit carries
// what it carried. Of another it is only known that it carries no less.
func (w watched) learn(o *overlay.Overlay, seen map[grid.Pair]flow) (news []string, err error) {
	full := fullMachines(w, o, seen)
	for _, pair := range slices.SortedFunc(maps.Keys(seen), func(a, b grid.Pair) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	}) {
		l, err := w.Link(pair.From, pair.To)
		if err != nil {
			return nil, err
		}
		f, connections := seen[pair], 1
		if e, ok := o.Edge(pair.From, pair.To); ok {
			connections = e.Connections
		}
		able := l.Gbps // with the connections that there are
		if !l.Total {
			able *= unit.Gbps(float64(connections) / grid.MachineConnections)
		}
		switch {
		case 2*f.limits > f.all && !full[pair]:
			l.Gbps, l.Total, l.Connections = max(f.all, able/100), true, connections
		case f.all > able:
			l.Gbps *= f.all / able
		default:
			continue
		}
		l.Assumed, l.Source, l.Measured, l.Spread = false, "measured on the way", time.Time{}, 0
		w.shown[pair] = l
		if f.all*surprising < able || f.all > surprising*able {
			news = append(news, fmt.Sprintf("%s carries %s instead of %s", pair, f.all.Human(), able.Human()))
		}
	}
	return news, nil
}

// fullMachines are the pairs of regions between which it is the machines of one
// that are the limit.
func fullMachines(g planner.Grid, o *overlay.Overlay, seen map[grid.Pair]flow) map[grid.Pair]bool {
	sends, receives := map[region.Region]unit.Gbps{}, map[region.Region]unit.Gbps{}
	for pair, f := range seen {
		sends[pair.From] += f.all
		receives[pair.To] += f.all
	}
	full := map[grid.Pair]bool{}
	for pair := range seen {
		egress, _ := caps(g, o, pair.From)
		_, ingress := caps(g, o, pair.To)
		full[pair] = sends[pair.From] >= nearly*egress || receives[pair.To] >= nearly*ingress
	}
	return full
}

// caps are what all gateways of a region can send and receive together, infinite
// where nothing limits them.
func caps(g planner.Grid, o *overlay.Overlay, at region.Region) (egress, ingress unit.Gbps) {
	types := g.Machines(at)
	for _, r := range o.Regions {
		i := slices.IndexFunc(types, func(m grid.Machine) bool { return m.Type == r.Machine })
		if r.Region != at {
			continue
		}
		if i < 0 || types[i].Egress == 0 {
			egress = unit.Gbps(math.Inf(1))
		} else {
			egress += types[i].Egress * unit.Gbps(r.Gateways)
		}
		if i < 0 || types[i].Ingress == 0 {
			ingress = unit.Gbps(math.Inf(1))
		} else {
			ingress += types[i].Ingress * unit.Gbps(r.Gateways)
		}
	}
	return egress, ingress
}

// standing is the job of moving what is left over an overlay's gateways, from
// where it is read to where it is written, and the limits that they are.
func standing(o *overlay.Overlay, left unit.Bytes) (planner.Job, planner.Limits) {
	job := planner.Job{Bytes: left}
	limits := planner.Limits{Most: map[region.Kind]int{}}
	for _, r := range o.Routes {
		for len(job.Dests) <= r.Dest {
			job.Dests = append(job.Dests, nil)
		}
		if from := r.Path[0]; !slices.Contains(job.Sources, from) {
			job.Sources = append(job.Sources, from)
		}
		if to := r.Path[len(r.Path)-1]; !slices.Contains(job.Dests[r.Dest], to) {
			job.Dests[r.Dest] = append(job.Dests[r.Dest], to)
		}
	}
	for _, r := range o.Regions {
		if r.Machine != "" && !slices.Contains(limits.Machines, r.Machine) {
			limits.Machines = append(limits.Machines, r.Machine)
		}
		if !slices.Contains(limits.Relays, r.Region) {
			limits.Relays = append(limits.Relays, r.Region)
		}
	}
	for _, at := range limits.Relays {
		for _, m := range limits.Machines {
			limits.Most[region.Kind{Region: at, Machine: m}] = 0
		}
		limits.Most[region.Kind{Region: at}] = 0
	}
	for _, r := range o.Regions {
		limits.Most[region.Kind{Region: r.Region}] += r.Gateways
		if r.Machine != "" {
			limits.Most[region.Kind{Region: r.Region, Machine: r.Machine}] += r.Gateways
		}
	}
	for _, at := range limits.Relays {
		limits.Gateways = max(limits.Gateways, limits.Most[region.Kind{Region: at}])
	}
	job.Gateways = &limits.Gateways
	return job, limits
}

// grown is an overlay after its run was planned anew: the trees that it has with
// the new rates, and those that it did not have, under higher numbers. One over
// regions that gateways have joined is another than before. What the plan was to
// cost and take stays what people were shown.
func grown(o, found *overlay.Overlay) (next overlay.Overlay, news []string) {
	next = *o
	next.Throughput, next.Routes = found.Throughput, slices.Clone(o.Routes)
	last := o.Joined("", allTimes)
	found.Routes = slices.Clone(found.Routes)
	for i := range found.Routes {
		found.Routes[i].Since = last
	}
	known, more := ways(&o.Graph, o.Routes), 0
	for _, r := range o.Routes {
		more = max(more, r.Tree+1)
	}
	for i := range next.Routes {
		next.Routes[i].Gbits = spare * found.Throughput / unit.Gbps(len(known))
	}
	anew := ways(&o.Graph, found.Routes)
	for _, way := range slices.SortedFunc(maps.Keys(anew), func(a, b string) int { return cmp.Compare(anew[a], anew[b]) }) {
		tree, old := known[way]
		if !old {
			tree, more = more, more+1
		}
		var paths []string
		var rate unit.Gbps
		for _, r := range found.Routes {
			if r.Tree != anew[way] {
				continue
			}
			paths, rate = append(paths, r.String()), r.Gbits
			r.Tree = tree
			if was := slices.IndexFunc(next.Routes, func(x overlay.Route) bool { return x.Tree == tree && x.Dest == r.Dest }); was >= 0 {
				r.Since = next.Routes[was].Since
				next.Routes[was] = r
			} else {
				next.Routes = append(next.Routes, r)
			}
		}
		text := strings.Join(paths, " and ") + " with " + rate.Human()
		if !old {
			text += " (new)"
		}
		news = append(news, text)
	}
	next.Edges = slices.Clone(o.Edges)
	for _, e := range found.Edges {
		was := slices.IndexFunc(next.Edges, func(x overlay.Edge) bool { return x.Pair() == e.Pair() })
		if was < 0 {
			next.Edges = append(next.Edges, e)
		} else if max(o.Joined(e.From, allTimes), o.Joined(e.To, allTimes)) > 0 { // there are more to connect
			next.Edges[was].Connections = max(next.Edges[was].Connections, e.Connections)
		}
	}
	return next, news
}

// ways are the numbers of the trees by the paths that they are made of, and by
// which of the gateways on them.
func ways(g *overlay.Graph, routes []overlay.Route) map[string]int {
	paths := map[int][]string{}
	for _, r := range routes {
		last := 0
		for _, at := range r.Path {
			last = max(last, g.Joined(at, r.Since))
		}
		paths[r.Tree] = append(paths[r.Tree], fmt.Sprintf("%d: %s, %d", r.Dest, r, last))
	}
	found := map[string]int{}
	for tree, all := range paths {
		slices.Sort(all)
		found[strings.Join(all, "; ")] = tree
	}
	return found
}

// forecast is what the plan promises, in bytes a second to each destination: many
// small objects may take longer than their bytes do.
func (a *attempt) forecast(ctx context.Context) (float64, error) {
	counts, err := a.journal.Counts(ctx)
	o := &a.saved.Overlay
	if err != nil || o.Inside() || o.Time.Transfer <= 0 {
		return 0, err
	}
	return min(float64(o.Throughput)*1e9/8, float64(counts.ListedBytes)/o.Time.Transfer), nil
}

// afresh has a run that is off its forecast planned anew, and its gateways made
// ready for what that adds. It is transfer.Config.Replan. Where that fails nothing
// is believed to be known, so that the same can be found out again.
func (a *attempt) afresh(ctx context.Context, m transfer.Measured) (transfer.Replanned, error) {
	asItIs := transfer.Replanned{Forecast: m.Rate}
	if m.Rate > m.Forecast && a.saved.Request.MinThroughput > 0 {
		return asItIs, nil // faster than was asked for
	}
	f, err := a.o.Figures(FigureFiles{})
	if err != nil {
		return asItIs, err
	}
	now := standpoint{a.fleet.plan(), m, flows(m.Links, a.fleet.homes()), watched{f.Grid, together(a.latest().Shown, nil)}, f.Prices}
	news, err := now.believed.learn(now.overlay, now.seen)
	if err != nil {
		return asItIs, err
	}
	off := fmt.Sprintf("%s instead of the forecast %s", rate(m.Rate), rate(m.Forecast))
	learned := func(s *saved) { s.Shown = now.believed.shown }
	if len(news) == 0 {
		asItIs.Reason = off + ", and no link is other than believed: the routes stay"
		return asItIs, a.keep(learned)
	}
	off += ": " + strings.Join(news, ", ")
	found, err := a.solveAnew(ctx, now)
	if infeasible := (*planner.Infeasible)(nil); err != nil && !errors.As(err, &infeasible) {
		return asItIs, fmt.Errorf("%s; plan anew: %w", off, err)
	}
	better := err == nil && float64(found.Throughput)*1e9/8 >= worthwhile*m.Rate
	var then func(context.Context) (transfer.Replanned, error)
	if a.saved.Request.Adapt && m.Rate < m.Forecast {
		then = func(ctx context.Context) (transfer.Replanned, error) {
			if better {
				now = now.with(a.fleet.plan(), &found)
			}
			return a.adapt(ctx, now)
		}
	}
	if !better {
		asItIs.Reason = off + "; the gateways that there are have no better routes for what the run may cost"
		asItIs.Then = then
		return asItIs, a.keep(learned)
	}
	next, paths := grown(now.overlay, &found)
	l, err := now.layout.Extend(&next)
	if err == nil {
		err = a.follow(ctx, planned{&next, l}, learned)
	}
	if err != nil {
		return asItIs, fmt.Errorf("%s; change the routes: %w", off, err)
	}
	answer := a.replanned(off, paths)
	answer.Then = then
	return answer, nil
}

// with is the run when it goes on as the planner found.
func (s standpoint) with(p planned, found *overlay.Overlay) standpoint {
	s.planned, s.measured.Rate, s.seen = p, float64(found.Throughput)*1e9/8, map[grid.Pair]flow{}
	for _, e := range found.Edges {
		s.seen[e.Pair()] = flow{all: e.Gbits}
	}
	return s
}

// replanned tells the transfer what the fleet is ready for.
func (a *attempt) replanned(off string, paths []string) transfer.Replanned {
	now := a.fleet.plan()
	return transfer.Replanned{Forecast: float64(now.overlay.Throughput) * 1e9 / 8, Routes: now.layout.Routes, Joined: newcomers(now),
		Reason: fmt.Sprintf("%s; from now on %s, forecast %s", off, strings.Join(paths, ", "), now.overlay.Throughput.Human())}
}

func rate(bytesPerSecond float64) string { return unit.Gbps(bytesPerSecond * 8 / 1e9).Human() }

// solveAnew asks the planner for what was asked for, or, where that cannot be had any
// more, for the quickest way that the run may still pay for.
func (a *attempt) solveAnew(ctx context.Context, now standpoint) (overlay.Overlay, error) {
	job, limits := standing(now.overlay, unit.Bytes(now.measured.Left))
	job.Mode, job.Limit = a.saved.Request.Mode, a.saved.Request.BWLimit
	may, err := a.mayCost(ctx, now)
	if err != nil {
		return overlay.Overlay{}, err
	}
	job.MaxCost, job.MinThroughput = &may, a.saved.Request.MinThroughput
	found, err := planner.Solve(ctx, job, now.believed, rentedAlready{now.prices}, limits)
	if infeasible := (*planner.Infeasible)(nil); job.MinThroughput > 0 && errors.As(err, &infeasible) {
		job.MinThroughput = 0
		found, err = planner.Solve(ctx, job, now.believed, rentedAlready{now.prices}, limits)
	}
	return found, err
}

// egressPerHour is what the egress of the run costs as it goes on.
func (s standpoint) egressPerHour() (usd unit.USD) {
	for pair, f := range s.seen {
		if e, ok := s.overlay.Edge(pair.From, pair.To); ok {
			usd += unit.USD(float64(f.all)/8*3600) * e.USDPerGB
		}
	}
	return usd
}

// mayCost is what the egress of what is left may cost: what --max-cost leaves, or
// what was agreed to and a little more, when the machines are paid for as long as
// the run would take without a change; and where no limit was given, never less
// than what it would cost without.
func (a *attempt) mayCost(ctx context.Context, now standpoint) (unit.USD, error) {
	carried, err := a.journal.Routes(ctx)
	if err != nil {
		return 0, err
	}
	machines, err := a.bill(ctx, now.overlay)
	if err != nil {
		return 0, err
	}
	seconds := float64(now.measured.Left) / now.measured.Rate
	spent := now.overlay.Cost.Requests + now.egress(a.routes(now.layout, carried)) +
		machines.at(time.Now().Add(shutdown+time.Duration(seconds*float64(time.Second))))
	if most := a.saved.Request.MaxCost; most != nil {
		return max(0, *most-spent), nil
	}
	unchanged := now.egressPerHour() * unit.USD(seconds/3600)
	agreed := now.overlay.Cost.Total
	if a.agreed != nil {
		agreed = *a.agreed
	}
	return max(mostOf(agreed)-spent, unchanged), nil
}

// follow has the run go on with an overlay that it has become. It is kept before
// anything passes its routes, for whoever resumes the run, and after it can: the
// gateways may be used again then.
func (a *attempt) follow(ctx context.Context, next planned, learned func(*saved)) error {
	if err := a.fleet.deployed.Connect(ctx, next.layout); err != nil {
		return err
	}
	if err := a.keep(func(s *saved) { s.Overlay = *next.overlay; learned(s) }); err != nil {
		return err
	}
	return a.turnTo(ctx, next)
}

// turnTo tells all gateways their parts in what the run has become.
func (a *attempt) turnTo(ctx context.Context, next planned) error {
	a.fleet.follow(next)
	a.fleet.chooseTransports(ctx, a.saved.Request.transport(), a.o.events(a.run, a.events))
	return a.fleet.configure(ctx)
}
