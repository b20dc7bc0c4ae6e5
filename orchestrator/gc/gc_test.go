package gc_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
	"github.com/skyctl/skyctl/orchestrator/account/azure"
	"github.com/skyctl/skyctl/orchestrator/account/gcp"
	"github.com/skyctl/skyctl/orchestrator/gc"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

const (
	run  = "261122-g3kd4f9q"
	name = "skyctl-" + run + "-x"
)

var (
	born    = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	expires = born.Add(2 * time.Hour)
)

func TestJudge(t *testing.T) {
	mine := account.Resource{Run: run, Owner: "ann@desk", Expires: expires}
	change := func(f func(*account.Resource)) account.Resource { r := mine; f(&r); return r }
	late := gc.Rule{Now: expires.Add(time.Hour), Grace: time.Hour, Owner: "ann@desk"}
	with := func(f func(*gc.Rule)) gc.Rule { r := late; f(&r); return r }
	for _, test := range []struct {
		what string
		rule gc.Rule
		r    account.Resource
		keep string // part of why; empty: it goes
	}{
		{"past its end and the grace", late, mine, ""},
		{"a second earlier", with(func(r *gc.Rule) { r.Now = r.Now.Add(-time.Second) }), mine, "may live until 2026-11-22T17:00:00Z"},
		{"before its end", with(func(r *gc.Rule) { r.Now, r.Grace = born, 0 }), mine, "may live"},
		{"alive, and asked for", with(func(r *gc.Rule) { r.Now, r.Live = born, true }), mine, ""},
		{"mine, as a label says it", late, change(func(r *account.Resource) { r.Owner = "ann-desk" }), ""},
		{"another's", late, change(func(r *account.Resource) { r.Owner = "bob@desk" }), "bob@desk's"},
		{"another's, alive, and the living are asked for", with(func(r *gc.Rule) { r.Live = true }), change(func(r *account.Resource) { r.Owner = "bob@desk" }), "bob@desk's"},
		{"another's, and asked for", with(func(r *gc.Rule) { r.AnyOwner = true }), change(func(r *account.Resource) { r.Owner = "bob@desk" }), ""},
		{"nobody's", late, change(func(r *account.Resource) { r.Owner = "" }), "nobody knows whose"},
		{"nobody's, and asked for", with(func(r *gc.Rule) { r.AnyOwner = true }), change(func(r *account.Resource) { r.Owner = "" }), ""},
		{"without an end", late, change(func(r *account.Resource) { r.Expires = time.Time{} }), "nobody knows when"},
		{"of another run than asked for", with(func(r *gc.Rule) { r.Runs = []string{"261122-other000"} }), mine, "another run"},
		{"a group with a stranger in it", with(func(r *gc.Rule) { r.AnyOwner, r.Live = true, true }), change(func(r *account.Resource) { r.Foreign = "payroll" }), "payroll"},
		{"of a run that is worked on", with(func(r *gc.Rule) { r.AnyOwner, r.Live, r.Busy = true, true, func(string) bool { return true } }), mine, "works on"},
	} {
		if got := test.rule.Judge(test.r); (got == "") != (test.keep == "") || !strings.Contains(got, test.keep) {
			t.Errorf("%s: got %q, want %q", test.what, got, test.keep)
		}
	}
}

// prices knows one machine type.
type prices struct{}

func (prices) Machine(r region.Region, machine string) (price.Price, error) {
	if machine != "n2-standard-32" {
		return price.Price{}, &price.UnknownError{What: machine}
	}
	return price.Price{USD: unit.USD(1.5)}, nil
}

func googleWorld() *accounttest.World {
	labels := map[string]string{"skyctl-run": run, "skyctl-owner": "ann-desk", "skyctl-expires": "2026-11-22t16-00-00z"}
	machine, subnet := "zones/us-central1-a/instances/"+name+"-0", "regions/us-central1/subnetworks/"+name
	return &accounttest.World{Account: "p", Things: []*accounttest.Thing{
		{ID: "global/networks/" + name, Kind: "networks", Name: name, Created: born, HeldBy: []string{subnet, "global/firewalls/" + name + "-a"}},
		{ID: subnet, Kind: "subnetworks", Region: "us-central1", Name: name, Created: born, HeldBy: []string{machine}},
		{ID: "global/firewalls/" + name + "-a", Kind: "firewalls", Name: name + "-a", Created: born},
		{ID: machine, Kind: "instances", Region: "us-central1-a", Name: name + "-0", Machine: "n2-standard-32", State: "RUNNING", Tags: labels, Created: born},
		// All that another run left is a network, which cannot say whose it is.
		{ID: "global/networks/skyctl-261101-aaaabbbb-x", Kind: "networks", Name: "skyctl-261101-aaaabbbb-x"},
	}}
}

func google(t *testing.T, w *accounttest.World) account.Account {
	t.Helper()
	server := httptest.NewServer(w.GCP())
	t.Cleanup(server.Close)
	a, err := gcp.Open(gcp.Config{Project: "p", Endpoint: server.URL, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func microsoft(t *testing.T, w *accounttest.World) account.Account {
	t.Helper()
	var base string
	server := httptest.NewTLSServer(w.Azure(func() string { return base }))
	t.Cleanup(server.Close)
	base = server.URL
	a, err := azure.Open(azure.Config{SubscriptionID: "s", Endpoint: base, Client: server.Client(), Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var late = gc.Rule{Now: expires.Add(2 * time.Hour), Grace: time.Hour, Owner: "ann@desk"}

func TestWhatCannotBeTaggedFollowsItsRun(t *testing.T) {
	s := gc.Find(t.Context(), []account.Account{google(t, googleWorld())}, prices{}, late)
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if len(s.Findings) != 5 {
		t.Fatalf("got %+v", s.Findings)
	}
	for _, f := range s.Findings {
		switch {
		case f.Run == run && (f.Owner != "ann-desk" || !f.Expires.Equal(expires) || f.Keep != ""):
			t.Errorf("%+v", f)
		case f.Run != run && (f.Owner != "" || f.Keep != "nobody knows whose it is" || !f.Expires.Equal(time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC))):
			t.Errorf("%+v", f)
		case f.Kind == "instance" && (!f.Priced || f.USDPerHour != 1.5):
			t.Errorf("%+v", f)
		}
	}
	known := late
	known.Mine = func(r string) bool { return r == "261101-aaaabbbb" }
	s = gc.Find(t.Context(), []account.Account{google(t, googleWorld())}, prices{}, known)
	if s.Findings[0].Owner != "ann@desk" || s.Findings[0].Keep != "" {
		t.Errorf("%+v", s.Findings[0])
	}
}

func TestOneCloudsOutageHidesNoOther(t *testing.T) {
	down := &accounttest.World{Account: "s", Denied: []string{"GET "}}
	s := gc.Find(t.Context(), []account.Account{microsoft(t, down), google(t, googleWorld())}, prices{}, late)
	if len(s.Findings) != 5 || s.Errors[region.Azure] == nil || s.Errors[region.GCP] != nil {
		t.Errorf("got %d findings, %v", len(s.Findings), s.Errors)
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "AuthorizationFailed") {
		t.Errorf("got %v", err)
	}
	// Nor does one that is not the configured one show what it holds.
	if !slices.Equal(down.Asked(), []string{"GET "}) {
		t.Errorf("asked for %v", down.Asked())
	}
}

var soon = gc.Patience{Pause: time.Millisecond, Total: 50 * time.Millisecond}

func TestDeleteInOrder(t *testing.T) {
	w := googleWorld()
	accounts := []account.Account{google(t, w)}
	s := gc.Find(t.Context(), accounts, prices{}, late)
	w.Throttle = 3
	for _, o := range gc.Delete(t.Context(), accounts, s.Findings, gc.Patience{Pause: time.Millisecond}) {
		if o.Err != nil {
			t.Errorf("%s: %v", o.ID, o.Err)
		}
	}
	if got := w.Left(); len(got) != 1 || got[0] != "global/networks/skyctl-261101-aaaabbbb-x" {
		t.Errorf("left %v", got)
	}
	if got := w.Deleted(); !strings.Contains(got[0], "/instances/") || !strings.Contains(got[len(got)-1], "/networks/") {
		t.Errorf("in the order %v", got)
	}
}

// TestWhatIsHeldIsSaid: somebody put a machine of theirs into the subnetwork.
func TestWhatIsHeldIsSaid(t *testing.T) {
	w := googleWorld()
	w.Things[1].HeldBy = []string{"zones/us-central1-a/instances/db"}
	w.Things = append(w.Things, &accounttest.Thing{ID: "zones/us-central1-a/instances/db", Kind: "instances", Name: "db"})
	accounts := []account.Account{google(t, w)}
	s := gc.Find(t.Context(), accounts, prices{}, late)
	failed := map[string]bool{}
	for _, o := range gc.Delete(t.Context(), accounts, s.Findings, soon) {
		if o.Err != nil {
			failed[o.Kind] = true
		}
	}
	if len(failed) != 2 || !failed["subnetwork"] || !failed["network"] {
		t.Errorf("failed: %v", failed)
	}
	if got := w.Deleted(); len(got) != 2 {
		t.Errorf("deleted %v", got)
	}
}

func TestARefusalIsNotRepeated(t *testing.T) {
	w := googleWorld()
	w.Denied = []string{"DELETE /zones/us-central1-a/instances/" + name + "-0"}
	accounts := []account.Account{google(t, w)}
	s := gc.Find(t.Context(), accounts, prices{}, late)
	// Nor is what it holds waited for.
	for _, o := range gc.Delete(t.Context(), accounts, s.Findings, gc.Patience{Pause: time.Hour}) {
		if o.Kind == "instance" && (o.Err == nil || !strings.Contains(o.Err.Error(), "forbidden")) {
			t.Errorf("got %v", o.Err)
		}
	}
	if n := len(slices.DeleteFunc(w.Asked(), func(a string) bool { return a != w.Denied[0] })); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestDeleteEndsWithItsContext(t *testing.T) {
	w := googleWorld()
	w.Things[0].HeldBy = []string{"global/networks/skyctl-261101-aaaabbbb-x"}
	accounts := []account.Account{google(t, w)}
	s := gc.Find(t.Context(), accounts, prices{}, late)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	outcomes := gc.Delete(ctx, accounts, s.Findings, gc.Patience{Pause: time.Millisecond})
	if !slices.ContainsFunc(outcomes, func(o gc.Outcome) bool { return errors.Is(o.Err, context.DeadlineExceeded) }) {
		t.Errorf("got %+v", outcomes)
	}
}
