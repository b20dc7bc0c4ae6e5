package azure

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
		"westus2 Microsoft.Compute/cores": {Limit: 350}, "westus2 Microsoft.Compute/standardDSv5Family": {Limit: 10, Used: 8}, "westus2 Microsoft.Compute/virtualMachines": {Limit: 25000},
		"westus2 Microsoft.Network/VirtualNetworks": {Limit: 50, Used: 50}, "westus2 Microsoft.Network/StandardSkuPublicIpAddresses": {Limit: 1}, "westus2 Microsoft.Network/SecurityRulesPerNetworkSecurityGroup": {Limit: 1000},
		"eastus Microsoft.Compute/cores": {Limit: 1},
	}
	w.Offers = map[string][]string{"westus2": {"Standard_D2s_v5", "Standard_D4s_v5", "Standard_D8s_v5 (restricted)"}}
	w.Throttle = 1
	a := open(t, w, "")
	want := account.Want{Region: "azure:westus2", NewNetwork: true, Public: true,
		Machines: []account.Machines{{Type: "Standard_D4s_v5", VCPU: 4, Count: 2}, {Type: "Standard_D8s_v5", VCPU: 8, Count: 1}, {Type: "Standard_D8ps_v5", VCPU: 8, Count: 1}}}
	room, err := a.Room(t.Context(), []account.Want{want})
	if err != nil {
		t.Fatal(err)
	}
	accounttest.WantRoom(t, room, []string{
		`quota "StandardSkuPublicIpAddresses" in azure:westus2: 4 wanted, 0 of 1 in use map[]`,
		`quota "VirtualNetworks" in azure:westus2: 1 wanted, 50 of 50 in use map[]`,
		`quota "standardDSv5Family" in azure:westus2: 16 wanted, 8 of 10 in use map[Standard_D4s_v5:4 Standard_D8s_v5:8]`,
	}, map[region.Kind][]string{
		{Region: "azure:westus2", Machine: "Standard_D4s_v5"}:  {anywhere},
		{Region: "azure:westus2", Machine: "Standard_D8s_v5"}:  {},
		{Region: "azure:westus2", Machine: "Standard_D8ps_v5"}: {},
	})
	w.Denied = []string{"GET /providers/Microsoft.Compute/skus"}
	room, err = a.Room(t.Context(), []account.Want{want})
	if err == nil || !strings.Contains(err.Error(), "azure:westus2: sizes of machines: AuthorizationFailed") || len(room.Zones) > 0 || len(room.Short) != 2 {
		t.Errorf("got %+v, %v", room, err)
	}
}
