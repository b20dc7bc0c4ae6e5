package gcp

import (
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
	"github.com/skyctl/skyctl/orchestrator/region"
)

func TestRoom(t *testing.T) {
	w := world()
	w.Quotas = map[string]accounttest.Quota{
		"CPUS_ALL_REGIONS": {Limit: 64, Used: 32}, "NETWORKS": {Limit: 15, Used: 14}, "FIREWALLS": {Limit: 100},
		"us-central1 CPUS": {Limit: 8, Used: 8}, "us-central1 N2_CPUS": {Limit: 64, Used: 8}, "us-central1 IN_USE_ADDRESSES": {Limit: 4, Used: 3},
		"europe-west1 N2_CPUS": {Limit: 200}, "europe-west1 IN_USE_ADDRESSES": {Limit: 8},
	}
	w.Offers = map[string][]string{"us-central1-a": {"n2-standard-32"}, "us-central1-b": {"e2-small"}, "us-central1-c": {"n2-standard-32"}, "us-central12-a": {"n2-standard-32"}}
	w.Throttle = 1
	room, err := open(t, w).Room(t.Context(), []account.Want{
		{Region: "gcp:us-central1", NewNetwork: true, Public: true, Machines: []account.Machines{{Type: "n2-standard-32", VCPU: 32, Count: 2}, {Type: "c4a-standard-16", VCPU: 16, Count: 1}}},
		{Region: "gcp:europe-west1", NewNetwork: true, Machines: []account.Machines{{Type: "n2-standard-32", VCPU: 32, Count: 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	accounttest.WantRoom(t, room, []string{
		`quota "CPUS_ALL_REGIONS": 112 wanted, 32 of 64 in use map[c4a-standard-16:16 n2-standard-32:32]`,
		`quota "IN_USE_ADDRESSES" in gcp:us-central1: 3 wanted, 3 of 4 in use map[]`,
		`quota "N2_CPUS" in gcp:us-central1: 64 wanted, 8 of 64 in use map[n2-standard-32:32]`,
		`quota "NETWORKS": 2 wanted, 14 of 15 in use map[]`,
	}, map[region.Kind][]string{
		{Region: "gcp:us-central1", Machine: "n2-standard-32"}:  {"us-central1-a", "us-central1-c"},
		{Region: "gcp:us-central1", Machine: "c4a-standard-16"}: {},
	})
	w.Silent = []string{"us-central1"}
	if _, err := open(t, w).Room(t.Context(), []account.Want{{Region: "gcp:us-central1"}}); err == nil || !strings.Contains(err.Error(), "quotas of gcp:us-central1: forbidden") {
		t.Errorf("got %v", err)
	}
}
