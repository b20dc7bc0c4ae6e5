package config

import (
	"fmt"
	"testing"
)

// TestBackendOf: each run has a state of its own, wherever states are.
func TestBackendOf(t *testing.T) {
	for settings, want := range map[string]string{
		"{type: s3, bucket: b}": "map[bucket:b key:skyctl/r1.tfstate type:s3 use_lockfile:true]",
		"{type: s3, key: '{run}/s', dynamodb_table: t, assume_role: {session_name: 'skyctl-{run}'}}": "map[assume_role:map[session_name:skyctl-r1] dynamodb_table:t key:r1/s type:s3]",
		"{type: s3, use_lockfile: false}":    "map[key:skyctl/r1.tfstate type:s3 use_lockfile:false]",
		"{type: gcs, bucket: b}":             "map[bucket:b prefix:skyctl/r1 type:gcs]",
		"{type: azurerm, container_name: c}": "map[container_name:c key:skyctl/r1.tfstate type:azurerm]",
		"{type: pg}":                         "map[schema_name:skyctl-r1 type:pg]",
		"{type: http, address: 'https://h/{run}', lock_address: 'https://h/{run}/lock'}": "map[address:https://h/r1 lock_address:https://h/r1/lock type:http]",
		"{type: local, path: '/states/{run}'}":                                           "map[path:/states/r1 type:local]",
		"{type: s3, bucket: b, key: team/}":                                              "map[bucket:b key:team/r1.tfstate type:s3 use_lockfile:true]",
		"{type: gcs, prefix: team}":                                                      "map[prefix:team/r1 type:gcs]",
		"{type: pg, schema_name: team}":                                                  "map[schema_name:team-r1 type:pg]",
		"{type: local, path: /states}":                                                   "map[path:/states/r1.tfstate type:local]",
		"{type: http, address: 'https://h/s', lock_address: 'https://h/l'}":              "map[address:https://h/s/r1 lock_address:https://h/l/r1 type:http]",
		"{type: local}": "map[type:local]",
		"{}":            "map[]",
	} {
		c, err := Parse("c.yaml", []byte("terraform: {backend: "+settings+"}"), nothing)
		if err != nil {
			t.Errorf("%s: %v", settings, err)
			continue
		}
		for range 2 { // the settings stay as they are
			if got := fmt.Sprint(c.Terraform.BackendOf("r1")); got != want {
				t.Errorf("%s: %s, want %s", settings, got, want)
			}
		}
	}
}
