package modules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func words[T ~string](values []T) []string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}

// TestWordsOfEC2: what the module aws-gateway gives to arguments that take one of
// a few words is among those that AWS's own SDK knows. The schema of the provider
// takes any text.
func TestWordsOfEC2(t *testing.T) {
	known := map[string][]string{
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
	}
	literal := regexp.MustCompile(`(?m)^\s*(\w+)\s*=\s*"([^"$]+)"`)
	files, err := filepath.Glob("aws-gateway/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(content), -1) {
			if values, ok := known[m[1]]; ok {
				seen[m[1]] = true
				if !slices.Contains(values, m[2]) {
					t.Errorf("%s: %s = %q, and EC2 knows %q", path, m[1], m[2], values)
				}
			}
		}
	}
	if len(seen) != len(known) {
		t.Errorf("of %d arguments only %v are given a word", len(known), seen)
	}
}
