package modules_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func words[T ~string](values []T) []string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}

var (
	// assigned is an argument and what it is given; quoted, the words in that.
	assigned = regexp.MustCompile(`(?m)^\s*(\w+)\s*=\s*(.*)$`)
	quoted   = regexp.MustCompile(`"([^"$]+)"`)
	// allowed are the words that a variable may have, in its validation.
	allowed = regexp.MustCompile(`contains\(\[([^\]]*)\], var\.network\.(\w+)\)`)
)

// TestWordsOfTheClouds: what the modules give to arguments that take one of a few
// words is among those that the cloud's own SDK for Go knows. The schema of a
// provider takes any text.
//
// The types of machines are such words of EC2 alone (orchestrator/account/aws
// holds the catalogue against them). Compute Engine's are names like any other,
// and Azure's SDK stopped listing them before those of today. What Azure calls
// things of a network is the real provider's to judge: make test-azurerm.
func TestWordsOfTheClouds(t *testing.T) {
	for module, known := range map[string]map[string][]string{
		"aws-gateway": {
			"instance_initiated_shutdown_behavior": words(types.ShutdownBehavior("").Values()),
			"http_endpoint":                        words(types.InstanceMetadataEndpointState("").Values()),
			"http_tokens":                          words(types.HttpTokensState("").Values()),
			"instance_metadata_tags":               words(types.InstanceMetadataTagsState("").Values()),
			"volume_type":                          words(types.VolumeType("").Values()),
			"market_type":                          words(types.MarketType("").Values()),
			"instance_interruption_behavior":       words(types.InstanceInterruptionBehavior("").Values()),
			"spot_instance_type":                   words(types.SpotInstanceType("").Values()),
			"vpc_endpoint_type":                    words(types.VpcEndpointType("").Values()),
			"state":                                words(types.AvailabilityZoneState("").Values()),
		},
		"gcp-gateway": wordsOfCompute(t, map[string][2]string{
			"nic_type":                    {"NetworkInterface", "nicType"},
			"network_tier":                {"AccessConfig", "networkTier"},
			"egress_bandwidth_tier":       {"NetworkPerformanceConfig", "totalEgressBandwidthTier"},
			"provisioning_model":          {"Scheduling", "provisioningModel"},
			"on_host_maintenance":         {"Scheduling", "onHostMaintenance"},
			"instance_termination_action": {"Scheduling", "instanceTerminationAction"},
			"direction":                   {"Firewall", "direction"},
			"status":                      {"Zone", "status"},
		}),
		"azure-gateway": {
			"caching":              words(armcompute.PossibleCachingTypesValues()),
			"storage_account_type": words(armcompute.PossibleStorageAccountTypesValues()),
			"priority":             words(armcompute.PossibleVirtualMachinePriorityTypesValues()),
			"eviction_policy":      words(armcompute.PossibleVirtualMachineEvictionPolicyTypesValues()),
			"type":                 words(armcompute.PossibleResourceIdentityTypeValues()),
		},
	} {
		files, err := filepath.Glob(module + "/*.tf")
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, path := range files {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found := assigned.FindAllStringSubmatch(string(content), -1)
			for _, m := range allowed.FindAllStringSubmatch(string(content), -1) {
				found = append(found, []string{m[0], m[2], m[1]})
			}
			for _, m := range found {
				for _, word := range quoted.FindAllStringSubmatch(m[2], -1) {
					if values, ok := known[m[1]]; ok {
						seen[m[1]] = true
						if !slices.Contains(values, word[1]) {
							t.Errorf("%s: %s = %q, and the cloud knows %q", path, m[1], word[1], values)
						}
					}
				}
			}
		}
		if len(seen) != len(known) {
			t.Errorf("%s: of %d arguments only %v are given a word", module, len(known), seen)
		}
	}
}

// wordsOfCompute are the words that Compute Engine's properties take, by what the
// module calls them. The SDK for Go has them in the description of the API alone
// that it is generated from.
func wordsOfCompute(t *testing.T, properties map[string][2]string) map[string][]string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "google.golang.org/api/compute/v1").Output()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "compute-api.json"))
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Schemas map[string]struct {
			Properties map[string]struct{ Enum []string }
		}
	}
	if err := json.Unmarshal(content, &api); err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for name, of := range properties {
		known[name] = api.Schemas[of[0]].Properties[of[1]].Enum
		if len(known[name]) == 0 {
			t.Errorf("%s.%s takes no words", of[0], of[1])
		}
	}
	return known
}
