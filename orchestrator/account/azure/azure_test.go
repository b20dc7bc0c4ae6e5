package azure

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

const (
	run   = "261122-g3kd4f9q"
	name  = "skyctl-" + run + "-azure-w"
	sub   = "/subscriptions/s/resourceGroups/"
	ours  = sub + name
	team  = sub + "team"
	mixed = sub + name + "2"
)

func world() *accounttest.World {
	born := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	tags := map[string]string{"skyctl-run": run, "skyctl-owner": "ann@desk", "skyctl-expires": "2026-11-22T16:00:00Z"}
	vm := "/providers/Microsoft.Compute/virtualMachines/"
	net := "/providers/Microsoft.Network/"
	return &accounttest.World{Account: "s", Things: []*accounttest.Thing{
		{ID: ours, Kind: group, Name: name, Region: "westus2", Tags: tags},
		{ID: ours + vm + name + "-0", Kind: machine, Name: name + "-0", Region: "westus2", Machine: "Standard_D32_v5", Tags: tags, Created: born},
		{ID: ours + "/providers/Microsoft.Compute/disks/" + name + "-0", Kind: "Microsoft.Compute/disks", Name: name + "-0", Region: "westus2"},
		{ID: mixed, Kind: group, Name: name + "2", Region: "westus2", Tags: tags},
		{ID: mixed + net + "virtualNetworks/payroll", Kind: "Microsoft.Network/virtualNetworks", Name: "payroll", Region: "westus2"},
		{ID: team, Kind: group, Name: "team", Region: "westus2"},
		{ID: team + vm + name + "-1", Kind: "MICROSOFT.COMPUTE/virtualMachines", Name: name + "-1", Region: "West US 2", Machine: "Standard_D2_v5", Tags: tags, Created: born},
		{ID: team + net + "networkInterfaces/" + name + "-1", Kind: "Microsoft.Network/networkInterfaces", Name: name + "-1", Region: "westus2", Tags: tags, HeldBy: []string{team + vm + name + "-1"}},
		{ID: team + net + "virtualNetworks/payroll", Kind: "Microsoft.Network/virtualNetworks", Name: "payroll", Region: "westus2"},
		{ID: "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/1", Kind: roles, Name: name + "-lifetime", State: "CustomRole"},
		{ID: "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/2", Kind: roles, Name: "Owner", State: "BuiltInRole"},
	}}
}

func open(t *testing.T, w *accounttest.World, tenant string) *Account {
	t.Helper()
	var base string
	server := httptest.NewTLSServer(w.Azure(func() string { return base }))
	t.Cleanup(server.Close)
	base = server.URL
	a, err := Open(Config{SubscriptionID: "s", TenantID: tenant, Endpoint: base, Client: server.Client(), Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func find(t *testing.T, a *Account) map[string]account.Resource {
	t.Helper()
	found, err := a.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]account.Resource{}
	for _, r := range found {
		by[r.ID] = r
	}
	return by
}

func TestFindGroupsAndWhatIsInOthersGroups(t *testing.T) {
	w := world()
	w.Throttle = 2
	by := find(t, open(t, w, ""))
	if len(by) != 5 {
		t.Errorf("got %v", by)
	}
	g := by[ours]
	if g.Kind != group || g.Region != "azure:westus2" || g.Owner != "ann@desk" || g.Expires.IsZero() || g.Created.IsZero() || !slices.Equal(g.Machines, []string{"Standard_D32_v5"}) || g.Foreign != "" {
		t.Errorf("%+v", g)
	}
	if m := by[mixed]; !strings.HasSuffix(m.Foreign, "/payroll") {
		t.Errorf("%+v", m)
	}
	if m := by[team+"/providers/Microsoft.Compute/virtualMachines/"+name+"-1"]; m.Region != "azure:westus2" || len(m.Machines) != 1 || m.Kind != machine {
		t.Errorf("%+v", m)
	}
	if r := by["/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/1"]; r.Run != run {
		t.Errorf("%+v", r)
	}
}

func TestAGroupWhoseContentsAreUnknownIsForeign(t *testing.T) {
	w := world()
	w.Denied = []string{"GET /resources"}
	found, err := open(t, w, "").Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "list resources: AuthorizationFailed (HTTP 403)") {
		t.Errorf("got %v", err)
	}
	for _, r := range found {
		if r.Kind == group && r.Foreign == "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestDelete(t *testing.T) {
	w := world()
	a := open(t, w, "")
	by := find(t, a)
	var busy *account.BusyError
	card := by[team+"/providers/Microsoft.Network/networkInterfaces/"+name+"-1"]
	if err := a.Delete(t.Context(), card); !errors.As(err, &busy) {
		t.Errorf("got %v", err)
	}
	for _, id := range []string{team + "/providers/Microsoft.Compute/virtualMachines/" + name + "-1", card.ID, ours} {
		for range 2 {
			if err := a.Delete(t.Context(), by[id]); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
	}
	for _, id := range w.Left() {
		if strings.HasPrefix(id, ours+"/") || id == ours || id == card.ID {
			t.Errorf("%s is left", id)
		}
	}
}

func TestIdentify(t *testing.T) {
	if who, err := open(t, world(), "tenant").Identify(t.Context()); err != nil || who.Account != "s" {
		t.Errorf("got %+v, %v", who, err)
	}
	var wrong *account.MismatchError
	if _, err := open(t, world(), "other").Identify(t.Context()); !errors.As(err, &wrong) || wrong.Key != "clouds.azure.tenant_id" {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	w := world()
	w.Granted, w.Denied = []string{"Microsoft.Compute/*", "microsoft.network/virtualnetworks/write"}, []string{"Microsoft.Compute/virtualMachines/delete"}
	p, err := open(t, w, "").Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for action, want := range map[string]bool{"Microsoft.Compute/virtualMachines/write": true, "Microsoft.Compute/virtualMachines/delete": false,
		"Microsoft.Network/virtualNetworks/write": true, "Microsoft.Network/virtualNetworks/delete": false, "Microsoft.Resources/subscriptions/read": true} {
		if slices.Contains(p.Granted, action) != want || slices.Contains(p.Missing, action) == want {
			t.Errorf("%s: want granted %v", action, want)
		}
	}
}
