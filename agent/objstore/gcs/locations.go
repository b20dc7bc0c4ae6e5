package gcs

import (
	"slices"
	"strings"

	"cloud.google.com/go/storage"
)

// members are the regions of the locations that have several. A dual-region is
// a pair that Google names; of a multi-region Google promises only that the
// data is in some of its regions, and reads and writes from all of them cost
// the same. The EU's has neither London nor Zürich.
//
// Source: https://cloud.google.com/storage/docs/locations, as of 2025-07-31.
var members = map[string][]string{
	"asia1": {"asia-northeast1", "asia-northeast2"},
	"eur4":  {"europe-north1", "europe-west4"},
	"eur5":  {"europe-west1", "europe-west2"},
	"eur7":  {"europe-west2", "europe-west3"},
	"eur8":  {"europe-west3", "europe-west6"},
	"nam4":  {"us-central1", "us-east1"},

	"asia": {"asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3",
		"asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2"},
	"eu": {"europe-central2", "europe-north1", "europe-southwest1", "europe-west1", "europe-west3", "europe-west4",
		"europe-west8", "europe-west9", "europe-west10", "europe-west12"},
	"us": {"us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4"},
}

// regionsOf says where a bucket is. A dual-region that its owner put together
// tells its regions itself.
func regionsOf(a *storage.BucketAttrs) []string {
	location := strings.ToLower(a.Location)
	if c := a.CustomPlacementConfig; c != nil && len(c.DataLocations) > 0 {
		regions := make([]string, len(c.DataLocations))
		for i, region := range c.DataLocations {
			regions[i] = strings.ToLower(region)
		}
		return regions
	}
	switch {
	case len(members[location]) > 0:
		return slices.Clone(members[location])
	case location == "", a.LocationType == "dual-region", a.LocationType == "multi-region":
		return nil // one that is newer than this table
	}
	return []string{location}
}
