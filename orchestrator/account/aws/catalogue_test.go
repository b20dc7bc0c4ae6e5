package aws

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// TestCatalogue: the machine types of the catalogue are EC2's, and count against
// the quota that Room asks for.
func TestCatalogue(t *testing.T) {
	n := 0
	for _, m := range region.AllMachines() {
		if m.Cloud != region.AWS {
			continue
		}
		n++
		if !slices.Contains(types.InstanceType("").Values(), types.InstanceType(m.Type)) {
			t.Errorf("EC2 knows no %s", m.Type)
		}
		if !standard.MatchString(m.Type) {
			t.Errorf("%s is of no quota that is asked for", m.Type)
		}
	}
	if n == 0 {
		t.Error("the catalogue has no machine of AWS")
	}
}
