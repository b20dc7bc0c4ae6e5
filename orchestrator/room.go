package orchestrator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// Clouds are asked before anything is created whether they have room for a plan:
// quotas, and machines that a region offers at all. Where they have not, the
// planner is asked again with what there is. A cloud that does not answer is no
// reason to stop: it says so itself when Terraform asks it.

// room asks the clouds that a deployment rents machines of. What could not be
// asked is told in the notes.
func (o *Orchestrator) room(ctx context.Context, cfg deploy.Config) (room account.Room, notes []string) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	room.Zones = map[region.Kind][]string{}
	var (
		mu     sync.Mutex
		asking sync.WaitGroup
	)
	for _, cloud := range open.Rentable {
		wants := deploy.Wants(cfg, cloud)
		if len(wants) == 0 {
			continue
		}
		asking.Go(func() {
			some, err := o.roomOf(ctx, cloud, wants)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(room.Zones, some.Zones)
			room.Short = append(room.Short, some.Short...)
			if err != nil {
				notes = append(notes, fmt.Sprintf("whether %s has room for the plan is not known: %s", cloud, strings.ReplaceAll(err.Error(), "\n", "; ")))
			}
		})
	}
	asking.Wait()
	slices.Sort(notes)
	slices.SortFunc(room.Short, func(a, b account.Shortage) int { return strings.Compare(a.String(), b.String()) })
	return room, notes
}

func (o *Orchestrator) roomOf(ctx context.Context, cloud region.Cloud, wants []account.Want) (account.Room, error) {
	a, err := o.account(ctx, o.Config.Clouds, cloud)
	if err != nil {
		return account.Room{}, err
	}
	return a.Room(ctx, wants)
}

// lack is what clouds do not have for a plan.
type lack struct {
	most map[region.Kind]int // what they have instead, as planner.Limits has it
	why  []string
}

// lacking compares a deployment with the room there is. Of what a cloud counts
// over all regions relays go without first.
func lacking(cfg deploy.Config, room account.Room, essential func(region.Region) bool) lack {
	l := lack{most: map[region.Kind]int{}}
	regions := map[region.Cloud][]region.Region{}
	for _, g := range cfg.Layout.Gateways {
		if cloud := g.Region.Cloud(); !slices.Contains(regions[cloud], g.Region) {
			regions[cloud] = append(regions[cloud], g.Region)
		}
		if zones, known := room.Zones[region.Kind{Region: g.Region, Machine: g.Machine}]; known && len(zones) == 0 {
			l.why = append(l.why, fmt.Sprintf("%s is not offered in %s", g.Machine, g.Region))
		}
	}
	for kind, zones := range room.Zones {
		if len(zones) == 0 {
			l.no(kind, 0)
		}
	}
	for _, s := range room.Short {
		l.why = append(l.why, s.String())
		among := []region.Region{s.Region}
		if s.Region == "" {
			among = regions[region.GCP] // no other cloud counts so
		}
		if s.Region == "" && len(s.Machines) == 0 {
			among = slices.DeleteFunc(slices.Clone(among), essential)
		}
		for _, at := range among {
			l.short(s, at, s.Free()/len(among))
		}
	}
	slices.Sort(l.why)
	l.why = slices.Compact(l.why)
	return l
}

// short notes what one region can have of a quota of which there is too little.
func (l *lack) short(s account.Shortage, at region.Region, free int) {
	for machine, each := range s.Machines {
		l.no(region.Kind{Region: at, Machine: machine}, free/each)
	}
	switch {
	case len(s.Machines) > 0:
	case s.PerGateway:
		l.no(region.Kind{Region: at}, free)
	default:
		l.no(region.Kind{Region: at}, 0)
	}
}

// no notes that there are no more of a kind than so many.
func (l *lack) no(k region.Kind, most int) {
	if n, ok := l.most[k]; !ok || most < n {
		l.most[k] = most
	}
}

// stricter adds what is lacking to what is known to, and tells whether that is
// news: without it the planner would answer the same.
func stricter(known, more map[region.Kind]int) (map[region.Kind]int, bool) {
	all, news := maps.Clone(known), false
	if all == nil {
		all = map[region.Kind]int{}
	}
	for k, n := range more {
		if before, ok := all[k]; !ok || n < before {
			all[k], news = n, true
		}
	}
	return all, news
}

// fit solves until the clouds have room for the plan, and notes the zones that
// offer its machines. Accounts are compared before anything is read of them.
func (o *Orchestrator) fit(ctx context.Context, p *places, l transfer.Listing, run *rundir.Run, s *saved) error {
	s.Accounts, s.Zones, s.Unasked = nil, nil, nil
	for !s.Overlay.Inside() {
		cfg, err := o.deployment(run, s)
		if err != nil {
			return err
		}
		if err := deploy.Check(cfg); err != nil {
			return &PreconditionError{Err: err}
		}
		if s.Accounts, err = o.pin(ctx, cfg.Layout); err != nil {
			return err
		}
		room, notes := o.room(ctx, cfg)
		s.Zones, s.Unasked = room.Zones, notes
		short := lacking(cfg, room, p.essential)
		if len(short.why) == 0 {
			return nil
		}
		why := strings.Join(short.why, "; ")
		more, news := stricter(s.Lacking, short.most)
		if s.again == maxReplans || !news {
			return &PreconditionError{Err: fmt.Errorf("the clouds have no room for the plan: %s", why), Hint: raiseHint}
		}
		o.again(run, s, more, why)
		if err := o.solve(ctx, p, l, s); err != nil {
			return &PreconditionError{Err: fmt.Errorf("the clouds have no room for the plan: %s; and there is no other: %w", why, plain{err}), Hint: raiseHint}
		}
	}
	return nil
}

// again notes, and says, that the plan is made anew for what is lacking.
func (o *Orchestrator) again(run *rundir.Run, s *saved, lacking map[region.Kind]int, why string) {
	s.again++
	s.Lacking = lacking
	o.begin(run, PhaseSolve, fmt.Sprintf("again, %d of at most %d times: %s", s.again, maxReplans, why))
}

const raiseHint = "have the quota raised in the cloud's console, or allow other machines or regions: allow.machines, allow.regions"

// essential tells whether the transfer has no other region for one of its ends.
func (p *places) essential(r region.Region) bool {
	if slices.Equal(p.source.Regions, []region.Region{r}) {
		return true
	}
	for _, d := range p.dests {
		if slices.Equal(d.Regions, []region.Region{r}) {
			return true
		}
	}
	return false
}
