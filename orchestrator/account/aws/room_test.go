package aws

import (
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
	"github.com/skyctl/skyctl/orchestrator/region"
)

func TestRoom(t *testing.T) {
	w := world()
	w.Throttle = 1
	// One region has its own quota of vCPUs, the others what every account has.
	w.Quotas = map[string]accounttest.Quota{"L-1216C47A": {Limit: 32}, "us-east-1 L-1216C47A": {Limit: 128}, "L-F678F1CE": {Limit: 2}, "L-A4707A72": {Limit: 5}, "L-0EA8095F": {Limit: 60}}
	w.Offers = map[string][]string{"us-east-1a": {"m5.8xlarge"}, "us-east-1b": {"c7gn.8xlarge", "m5.8xlarge"}, "us-east-1c": {"c7gn.8xlarge", "m5.8xlarge"},
		"us-east-1-wl1-bos-wlz-1": {"m5.8xlarge"}, "eu-west-1a": {"t3.micro"}}
	w.Things = append(w.Things,
		&accounttest.Thing{ID: "i-db", Kind: "instance", Region: "us-east-1", Machine: "m5.8xlarge", State: "running", Cores: 32},
		&accounttest.Thing{ID: "i-spot", Kind: "instance", Region: "us-east-1", Machine: "m5.8xlarge", State: "running", Cores: 99, Spot: true},
		&accounttest.Thing{ID: "i-gpu", Kind: "instance", Region: "us-east-1", Machine: "p5.48xlarge", State: "running", Cores: 96},
		&accounttest.Thing{ID: "i-stopped", Kind: "instance", Region: "us-east-1", Machine: "m5.8xlarge", State: "stopped", Cores: 99},
		&accounttest.Thing{ID: "vpc-2", Kind: "vpc", Region: "us-east-1"})
	wants := []account.Want{
		{Region: "aws:us-east-1", NewNetwork: true, Public: true, Peers: 3, ControlCIDRs: 1,
			Machines: []account.Machines{{Type: "c7gn.8xlarge", VCPU: 32, Count: 2}, {Type: "m5.8xlarge", VCPU: 32, Count: 1}}},
		{Region: "aws:eu-west-1", Peers: 40, Machines: []account.Machines{{Type: "m5.8xlarge", VCPU: 32, Count: 1}, {Type: "p5.48xlarge", VCPU: 192, Count: 1}}},
	}
	room, err := open(t, w, "").Room(t.Context(), wants)
	if err != nil {
		t.Fatal(err)
	}
	accounttest.WantRoom(t, room, []string{
		`quota "Inbound or outbound rules per security group" in aws:eu-west-1: 81 wanted, 0 of 60 in use map[]`,
		`quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" in aws:us-east-1: 96 wanted, 64 of 128 in use map[c7gn.8xlarge:32 m5.8xlarge:32]`,
		`quota "VPCs per Region" in aws:us-east-1: 1 wanted, 2 of 2 in use map[]`,
	}, map[region.Kind][]string{
		{Region: "aws:us-east-1", Machine: "m5.8xlarge"}:   {"us-east-1a", "us-east-1b", "us-east-1c"},
		{Region: "aws:us-east-1", Machine: "c7gn.8xlarge"}: {"us-east-1b", "us-east-1c"},
		{Region: "aws:eu-west-1", Machine: "m5.8xlarge"}:   {},
	})
}

// TestRoomWithoutZones: an answer that cannot be is none.
func TestRoomWithoutZones(t *testing.T) {
	room, err := open(t, world(), "").Room(t.Context(), []account.Want{{Region: "aws:us-east-1", Machines: []account.Machines{{Type: "m5.8xlarge", Count: 1}}}})
	if err == nil || !strings.Contains(err.Error(), "EC2 lists none") || len(room.Zones) > 0 {
		t.Errorf("got %v, %v", room.Zones, err)
	}
}

// TestRoomWithoutPermission: what may not be asked hides nothing of the rest.
func TestRoomWithoutPermission(t *testing.T) {
	w := world()
	w.Quotas = map[string]accounttest.Quota{"L-F678F1CE": {Limit: 1}, "L-A4707A72": {Limit: 5}, "L-0EA8095F": {Limit: 60}}
	w.Offers = map[string][]string{"us-east-1a": {"m5.8xlarge"}}
	w.Denied = []string{"DescribeInstanceTypeOfferings"}
	room, err := open(t, w, "").Room(t.Context(), []account.Want{
		{Region: "aws:us-east-1", NewNetwork: true, Machines: []account.Machines{{Type: "m5.8xlarge", VCPU: 32, Count: 1}}}})
	for _, part := range []string{"aws:us-east-1: zones that offer the machines: UnauthorizedOperation", "instances\": NoSuchResourceException"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %s", err, part)
		}
	}
	if len(room.Short) != 1 || room.Short[0].Quota != vpcs.name || len(room.Zones) > 0 {
		t.Errorf("got %+v", room)
	}
}
