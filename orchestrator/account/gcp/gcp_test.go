package gcp

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
)

const run = "261122-g3kd4f9q"

func world() *accounttest.World {
	const name = "skyctl-" + run + "-gcp-us"
	born := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	labels := map[string]string{"skyctl-run": run, "skyctl-owner": "ann-desk", "skyctl-expires": "2026-11-22t16-00-00z"}
	return &accounttest.World{Account: "p", Things: []*accounttest.Thing{
		{ID: "global/networks/" + name, Kind: "networks", Name: name, Created: born, HeldBy: []string{"regions/us-central1/subnetworks/" + name, "global/firewalls/" + name + "-peers"}},
		{ID: "global/networks/default", Kind: "networks", Name: "default", Created: born},
		{ID: "global/networks/skyctl-mine", Kind: "networks", Name: "skyctl-mine", Created: born},
		{ID: "regions/us-central1/subnetworks/" + name, Kind: "subnetworks", Region: "us-central1", Name: name, Created: born, HeldBy: []string{"zones/us-central1-a/instances/" + name + "-0"}},
		{ID: "global/firewalls/" + name + "-peers", Kind: "firewalls", Name: name + "-peers", Created: born},
		{ID: "global/firewalls/" + name + "-control", Kind: "firewalls", Name: name + "-control", Created: born},
		{ID: "global/firewalls/" + name + "-to-stores", Kind: "firewalls", Name: name + "-to-stores", Created: born},
		{ID: "zones/us-central1-a/instances/" + name + "-0", Kind: "instances", Region: "us-central1-a", Name: name + "-0", Machine: "n2-standard-32", State: "RUNNING", Tags: labels, Created: born},
		{ID: "zones/us-central1-b/disks/" + name + "-1", Kind: "disks", Region: "us-central1-b", Name: name + "-1", Tags: labels, Created: born},
		{ID: "zones/us-central1-a/disks/" + name + "-0", Kind: "disks", Region: "us-central1-a", Name: name + "-0", Tags: labels, Created: born, Users: []string{"instance"}},
		{ID: "serviceAccounts/" + name + "@p.iam.gserviceaccount.com", Kind: "serviceAccounts", Name: name},
		{ID: "serviceAccounts/ci@p.iam.gserviceaccount.com", Kind: "serviceAccounts", Name: "ci"},
	}}
}

func open(t *testing.T, w *accounttest.World) *Account {
	t.Helper()
	server := httptest.NewServer(w.GCP())
	t.Cleanup(server.Close)
	a, err := Open(Config{Project: "p", Endpoint: server.URL, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func kinds(found []account.Resource) string {
	var all []string
	for _, r := range found {
		all = append(all, r.Kind)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestFindByLabelAndName(t *testing.T) {
	w := world()
	w.Throttle = 3
	found, err := open(t, w).Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := kinds(found), "disk firewall firewall firewall instance network service-account subnetwork"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, r := range found {
		labelled := r.Kind == "instance" || r.Kind == "disk"
		if r.Run != run || labelled != (r.Owner == "ann-desk") || labelled == r.Expires.IsZero() {
			t.Errorf("%+v", r)
		}
		if r.Kind == "instance" && (r.Region != "gcp:us-central1" || r.Machines[0] != "n2-standard-32") {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhatCannotBeListedHidesNothing(t *testing.T) {
	w := world()
	w.Denied, w.Silent = []string{"GET /serviceAccounts"}, []string{"us-central1-b"}
	found, err := open(t, w).Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "list service accounts: forbidden") || !strings.Contains(err.Error(), "list disks: no answer from us-central1-b") {
		t.Errorf("got %v", err)
	}
	if got, want := kinds(found), "firewall firewall firewall instance network subnetwork"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDelete(t *testing.T) {
	w := world()
	a := open(t, w)
	found, err := a.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A network that is held is accepted, and the operation fails; a subnetwork
	// is refused at once.
	slices.SortStableFunc(found, func(a, b account.Resource) int { return b.Rank - a.Rank })
	var busy *account.BusyError
	for _, r := range found[:2] {
		if err := a.Delete(t.Context(), r); !errors.As(err, &busy) {
			t.Errorf("%s: got %v", r.Kind, err)
		}
	}
	slices.Reverse(found)
	for _, r := range found {
		for range 2 {
			if err := a.Delete(t.Context(), r); err != nil {
				t.Fatalf("%s: %v", r.ID, err)
			}
		}
	}
	if got := w.Left(); len(got) != 4 {
		t.Errorf("left %v", got)
	}
}

func TestIdentifyAndCheck(t *testing.T) {
	w := world()
	w.Granted = []string{"compute.instances.create", "storage.buckets.get"}
	a := open(t, w)
	if who, err := a.Identify(t.Context()); err != nil || who.Account != "p" {
		t.Errorf("got %+v, %v", who, err)
	}
	p, err := a.Check(t.Context())
	if err != nil || strings.Join(p.Granted, " ") != "compute.instances.create" || len(p.Missing) != len(needed)-1 {
		t.Errorf("got %+v, %v", p, err)
	}
	a.project = "q"
	if _, err := a.Identify(t.Context()); err == nil || !strings.Contains(err.Error(), "project q: notFound") {
		t.Errorf("got %v", err)
	}
}
