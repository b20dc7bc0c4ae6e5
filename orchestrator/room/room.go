// Package room finds out whether clouds have room for a plan, and what a plan is to
// do without where they have not.
//
// Clouds are asked before anything is created: quotas, and machines that a region
// offers at all. One may have no room although its quotas say so: no machines of a
// type are left, in any zone. That is known when Terraform was refused.
package room

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
)

// Ask asks the clouds that a deployment rents machines of. What could not be
// asked is told in the notes: a cloud that does not answer is no reason to stop,
// it says so itself when Terraform asks it.
func Ask(ctx context.Context, opener account.Opener, cfg deploy.Config) (room account.Room, notes []string) {
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
			some, err := ask(ctx, opener, cloud, wants)
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

func ask(ctx context.Context, opener account.Opener, cloud region.Cloud, wants []account.Want) (account.Room, error) {
	a, err := opener(ctx, cloud)
	if err != nil {
		return account.Room{}, err
	}
	return a.Room(ctx, wants)
}

// Lack is what clouds do not have for a plan.
type Lack struct {
	Most map[region.Kind]int // what they have instead, as planner.Limits has it
	Why  []string
}

// Lacking compares a deployment with the room there is. Of what a cloud counts
// over all regions relays go without first.
func Lacking(cfg deploy.Config, room account.Room, essential func(region.Region) bool) Lack {
	l := Lack{Most: map[region.Kind]int{}}
	regions := map[region.Cloud][]region.Region{}
	for _, g := range cfg.Layout.Gateways {
		if cloud := g.Region.Cloud(); !slices.Contains(regions[cloud], g.Region) {
			regions[cloud] = append(regions[cloud], g.Region)
		}
		if zones, known := room.Zones[region.Kind{Region: g.Region, Machine: g.Machine}]; known && len(zones) == 0 {
			l.Why = append(l.Why, fmt.Sprintf("%s is not offered in %s", g.Machine, g.Region))
		}
	}
	for kind, zones := range room.Zones {
		if len(zones) == 0 {
			l.no(kind, 0)
		}
	}
	for _, s := range room.Short {
		l.Why = append(l.Why, s.String())
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
	slices.Sort(l.Why)
	l.Why = slices.Compact(l.Why)
	return l
}

// short notes what one region can have of a quota of which there is too little.
func (l *Lack) short(s account.Shortage, at region.Region, free int) {
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
func (l *Lack) no(k region.Kind, most int) {
	if n, ok := l.Most[k]; !ok || most < n {
		l.Most[k] = most
	}
}

// Refused is what a plan is to do without after Terraform was refused:
// machines of a type, or a region in which another type was refused before. A
// region that the transfer cannot do without stays.
func Refused(refused *deploy.RefusedError, known map[region.Kind]int, essential func(region.Region) bool) map[region.Kind]int {
	most := map[region.Kind]int{}
	for _, r := range refused.Refusals {
		again := slices.ContainsFunc(slices.Collect(maps.Keys(known)), func(k region.Kind) bool { return k.Region == r.Region && k.Machine != "" && known[k] == 0 })
		if r.Machine == "" || again && !essential(r.Region) {
			most[region.Kind{Region: r.Region}] = 0
			continue
		}
		most[region.Kind{Region: r.Region, Machine: r.Machine}] = 0
	}
	return most
}

// Stricter adds what is lacking to what is known to, and tells whether that is
// news: without it the planner would answer the same.
func Stricter(known, more map[region.Kind]int) (map[region.Kind]int, bool) {
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
