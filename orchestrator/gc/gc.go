// Package gc finds what earlier runs left in clouds, judges whose it is and
// whether its time is over, and deletes it. It needs no state: what it knows is
// what tags, labels and names say.
//
// The rule (Judge) is made so that gc can run from cron beside other people's
// transfers. A thing goes only if its run is past its not-after and some grace,
// and if it belongs to the caller; each of the two can be waived by name.
//
// A thing that cannot carry tags says neither. Its owner and expiry are then
// those of the rest of its run; where nothing of that is left, its owner is
// whoever has the run's directory, and its expiry a day after the run was made,
// for no run may live longer.
package gc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// MaxLifetime is the longest that a run may live.
const MaxLifetime = 24 * time.Hour

// Prices tells what a machine costs an hour.
type Prices interface {
	Machine(r region.Region, machine string) (price.Price, error)
}

// Rule says what may be deleted.
type Rule struct {
	Now      time.Time
	Grace    time.Duration // after the not-after
	Owner    string        // whose things; as the tag says it
	AnyOwner bool          // also what is others', or nobody's
	Live     bool          // also what is not past its not-after
	Runs     []string      // only these; empty: all
	// Mine tells whether this workstation knows the run as its own.
	Mine func(run string) bool
	// Busy tells whether a process of this workstation works on the run.
	Busy func(run string) bool
}

// Finding is one thing that a run left, and what is to become of it.
type Finding struct {
	account.Resource
	USDPerHour float64
	Priced     bool   // whether all its machines have a known price
	Keep       string // why it is not deleted; empty: it is
}

// Survey is what was found.
type Survey struct {
	Findings []Finding // by cloud, run, region and rank
	// Errors are what could not be asked, by cloud. What was found is right all
	// the same, but there may be more.
	Errors map[region.Cloud]error
}

// Err is all that could not be asked.
func (s Survey) Err() error {
	var errs []error
	for _, c := range region.Clouds {
		errs = append(errs, s.Errors[c])
	}
	return errors.Join(errs...)
}

// Find asks all accounts at the same time. An account that is not the
// configured one is not looked at; neither that nor a cloud's outage hides what
// the others hold.
func Find(ctx context.Context, accounts []account.Account, prices Prices, rule Rule) Survey {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		found []account.Resource
		s     = Survey{Errors: map[region.Cloud]error{}}
	)
	for _, a := range accounts {
		wg.Go(func() {
			_, err := a.Identify(ctx)
			var some []account.Resource
			if err == nil {
				some, err = a.Find(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, some...)
			if err != nil {
				s.Errors[a.Cloud()] = errors.Join(s.Errors[a.Cloud()], err)
			}
		})
	}
	wg.Wait()
	complete(found, rule.Mine, rule.Owner)
	for _, r := range found {
		f := Finding{Resource: r}
		f.USDPerHour, f.Priced = cost(r, prices)
		f.Keep = rule.Judge(r)
		s.Findings = append(s.Findings, f)
	}
	slices.SortFunc(s.Findings, func(a, b Finding) int {
		return strings.Compare(order(a.Resource), order(b.Resource))
	})
	return s
}

func order(r account.Resource) string {
	return strings.Join([]string{string(r.Cloud), r.Run, string(r.Region), fmt.Sprintf("%03d", r.Rank), r.Kind, r.ID}, "\x00")
}

// complete adds what a thing does not say of itself.
func complete(found []account.Resource, mine func(string) bool, me string) {
	type said struct {
		owner   string
		expires time.Time
	}
	of := map[string]said{}
	for _, r := range found {
		s := of[r.Run]
		if s.owner == "" {
			s.owner = r.Owner
		}
		if r.Expires.After(s.expires) {
			s.expires = r.Expires // a run that was resumed has a later one too
		}
		of[r.Run] = s
	}
	for i := range found {
		r := &found[i]
		if r.Owner == "" {
			r.Owner = of[r.Run].owner
		}
		if r.Owner == "" && mine != nil && mine(r.Run) {
			r.Owner = me
		}
		if r.Expires.IsZero() {
			r.Expires = of[r.Run].expires
		}
		if r.Expires.IsZero() && !r.Created.IsZero() {
			r.Expires = r.Created.Add(MaxLifetime)
		}
		if r.Expires.IsZero() {
			r.Expires = dayOf(r.Run)
		}
	}
}

// dayOf is when a run that lives as long as it may is over, by the day that its
// id begins with; zero if it begins with none.
func dayOf(run string) time.Time {
	day, _, _ := strings.Cut(run, "-")
	at, err := time.Parse("060102", day)
	if err != nil {
		return time.Time{}
	}
	return at.Add(24*time.Hour + MaxLifetime)
}

func cost(r account.Resource, prices Prices) (usd float64, known bool) {
	known = true
	for _, machine := range r.Machines {
		p, err := prices.Machine(r.Region, machine)
		if err != nil {
			known = false
			continue
		}
		usd += float64(p.USD)
	}
	return usd, known
}

// Judge says why a thing is not deleted; empty if it is.
func (rule Rule) Judge(r account.Resource) string {
	over := r.Expires.Add(rule.Grace)
	switch {
	case len(rule.Runs) > 0 && !slices.Contains(rule.Runs, r.Run):
		return "it is of another run"
	case rule.Busy != nil && rule.Busy(r.Run):
		return "skyctl works on its run"
	case r.Foreign != "":
		return "it holds what is not skyctl's: " + r.Foreign
	case !rule.AnyOwner && r.Owner == "":
		return "nobody knows whose it is"
	case !rule.AnyOwner && r.Owner != rule.Owner && r.Owner != account.Label(rule.Owner):
		return "it is " + r.Owner + "'s"
	case rule.Live:
		return ""
	case r.Expires.IsZero():
		return "nobody knows when its run is over"
	case rule.Now.Before(over):
		return "its run may live until " + over.UTC().Format(time.RFC3339)
	}
	return ""
}
