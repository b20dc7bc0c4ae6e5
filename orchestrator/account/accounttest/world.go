// Package accounttest plays the clouds' APIs over HTTP, written by hand after
// their documentation: EC2 and STS, Compute Engine with its neighbours, and
// Azure Resource Manager. They hold things that depend on each other, answer in
// pages, throttle, refuse, and delete in the background. They prove what skyctl
// asks and how it takes answers, not that the clouds answer so.
package accounttest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// pageSize is that of all lists: small, so that there are several.
const pageSize = 2

// Thing is one thing in a cloud.
type Thing struct {
	ID      string // in Azure and Google Cloud the path
	Kind    string
	Region  string
	Name    string
	Tags    map[string]string
	Machine string
	State   string
	Created time.Time
	HeldBy  []string // ids; it cannot be deleted as long as one of them exists
	Users   []string // of a disk
	Cores   int      // of a machine of AWS, each of which is two vCPUs
	Spot    bool
}

// Quota is what an account may have of something, and has. AWS does not tell
// how much that is.
type Quota struct{ Limit, Used float64 }

// World is what an account holds. Its fields may be changed before it is asked.
type World struct {
	Account string
	Regions []string
	Things  []*Thing
	// Denied are the actions that are refused: "DescribeTags",
	// "us-west-2 DescribeTags".
	Denied []string
	// Granted are the permissions that the credentials have.
	Granted []string
	// Throttle is how many requests are refused at first because there are too
	// many.
	Throttle int
	// Lingers is how often a machine of AWS still shows that is being ended.
	Lingers int
	// Silent are regions or zones that do not answer.
	Silent []string

	// Quotas by "REGION NAME", or by "NAME" for those of no region or, in AWS, of
	// every account.
	Quotas map[string]Quota
	// Offers are the machine types of each zone; in Azure, of each location.
	Offers map[string][]string

	mu      sync.Mutex
	deleted []string
	asked   []string
	ending  map[string]int // what is being deleted, and how often it still shows
}

// Deleted are the ids of what was deleted, in order.
func (w *World) Deleted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.deleted)
}

// Left are the ids of what there still is.
func (w *World) Left() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for _, t := range w.Things {
		ids = append(ids, t.ID)
	}
	return ids
}

// Asked are the actions that were asked for.
func (w *World) Asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

// refuses tells whether an action is refused at a place. Callers hold the lock.
func (w *World) refuses(at, action string) bool {
	w.asked = append(w.asked, action)
	return slices.Contains(w.Denied, action) || slices.Contains(w.Denied, at+" "+action)
}

func (w *World) throttles() bool {
	if w.Throttle > 0 {
		w.Throttle--
		return true
	}
	return false
}

func (w *World) find(id string) *Thing {
	for _, t := range w.Things {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// holder is something that exists and holds the thing; empty if nothing does.
func (w *World) holder(t *Thing) string {
	for _, id := range t.HeldBy {
		if w.find(id) != nil {
			return id
		}
	}
	return ""
}

func (w *World) remove(id string) {
	w.Things = slices.DeleteFunc(w.Things, func(t *Thing) bool { return t.ID == id })
	w.deleted = append(w.deleted, id)
}

// paged returns the page of a list that begins at a token, and the token of the
// next.
func paged[T any](all []T, token string) ([]T, string) {
	start := 0
	if token != "" {
		if _, err := fmt.Sscanf(token, "page-%d", &start); err != nil || start > len(all) {
			return nil, ""
		}
	}
	end := min(start+pageSize, len(all))
	if end == len(all) {
		return all[start:end], ""
	}
	return all[start:end], fmt.Sprintf("page-%d", end)
}

// locked serves one request at a time.
func (w *World) locked(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.ending == nil {
			w.ending = map[string]int{}
		}
		handle(rw, r)
	})
}
