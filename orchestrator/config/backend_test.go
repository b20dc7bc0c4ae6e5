package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestBackendOf(t *testing.T) {
	const run = "261122-g3kd4f9q"
	type m = map[string]any
	for name, tc := range map[string]struct{ given, want m }{
		"none":             {nil, nil},
		"a bucket":         {m{"type": "s3", "bucket": "b"}, m{"type": "s3", "bucket": "b", "key": run + ".tfstate"}},
		"below a key":      {m{"type": "s3", "bucket": "b", "key": "team/skyctl"}, m{"type": "s3", "bucket": "b", "key": "team/skyctl/" + run + ".tfstate"}},
		"where it is said": {m{"type": "s3", "key": "team/{run}/state"}, m{"type": "s3", "key": "team/" + run + "/state"}},
		"Google":           {m{"type": "gcs", "prefix": "team"}, m{"type": "gcs", "prefix": "team/" + run}},
		"a table":          {m{"type": "pg"}, m{"type": "pg", "schema_name": run}},
		"a secret":         {m{"type": "kubernetes", "secret_suffix": "team"}, m{"type": "kubernetes", "secret_suffix": "team-" + run}},
		"here":             {m{"type": "local"}, m{"type": "local"}},
		"elsewhere here":   {m{"type": "local", "path": "/srv/states"}, m{"type": "local", "path": "/srv/states/" + run + ".tfstate"}},
		"of any kind": {m{"type": "http", "address": "https://h/{run}", "more": []any{m{"x": "{run}"}, 1}},
			m{"type": "http", "address": "https://h/" + run, "more": []any{m{"x": run}, 1}}},
	} {
		terraform := Terraform{Backend: tc.given}
		if err := terraform.checkBackend(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		before := len(tc.given)
		if got := terraform.BackendOf(run); !reflect.DeepEqual(got, tc.want) || len(tc.given) != before {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	err := Terraform{Backend: m{"type": "http", "address": "https://h/state"}}.checkBackend()
	if err == nil || !strings.Contains(err.Error(), "share one state") {
		t.Errorf("a state for all: %v", err)
	}
}
