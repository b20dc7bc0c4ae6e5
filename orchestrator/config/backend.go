package config

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Each run has a Terraform state of its own. With one that they share, the plan
// of a run would be to destroy what others have rented.

// runMark stands for the run in the arguments of a backend.
const runMark = "{run}"

// placeIn names the argument of a backend that says where its states are, below
// which each run gets its own.
var placeIn = map[string]string{"azurerm": "key", "consul": "path", "cos": "key", "gcs": "prefix", "kubernetes": "secret_suffix",
	"local": "path", "oss": "key", "pg": "schema_name", "s3": "key"}

// BackendOf returns the type and the arguments of the backend for one run; nil if
// the state is kept beside the root module.
func (t Terraform) BackendOf(run string) map[string]any {
	if len(t.Backend) == 0 {
		return nil
	}
	of, named := replaceRun(t.Backend, run)
	own := of.(map[string]any)
	kind, _ := own["type"].(string)
	argument := placeIn[kind]
	below, _ := own[argument].(string)
	switch {
	case named:
	case kind == "local" && below == "": // beside the root module, by another name
	case kind == "gcs":
		own[argument] = path.Join(below, run)
	case kind == "pg":
		own[argument] = strings.Trim(below+"_"+run, "_")
	case kind == "kubernetes":
		own[argument] = strings.Trim(below+"-"+run, "-")
	default:
		own[argument] = path.Join(below, run+".tfstate")
	}
	return own
}

// replaceRun returns a copy of an argument with the run in the place of the mark,
// and tells whether that was anywhere.
func replaceRun(v any, run string) (own any, named bool) {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, runMark, run), strings.Contains(v, runMark)
	case map[string]any:
		all := maps.Clone(v)
		for key, value := range v {
			was := named
			all[key], named = replaceRun(value, run)
			named = named || was
		}
		return all, named
	case []any:
		all := slices.Clone(v)
		for i, value := range v {
			was := named
			all[i], named = replaceRun(value, run)
			named = named || was
		}
		return all, named
	}
	return v, false
}

// checkBackend refuses one of which it is not known how runs get a state each.
func (t Terraform) checkBackend() error {
	if len(t.Backend) == 0 {
		return nil
	}
	kind, _ := t.Backend["type"].(string)
	if kind == "" {
		return fmt.Errorf("terraform.backend.type: missing, name Terraform's backend, for example s3")
	}
	if _, named := replaceRun(t.Backend, ""); !named && placeIn[kind] == "" {
		return fmt.Errorf("terraform.backend: all runs would share one state; write %s in the argument of %s that says where it is", runMark, kind)
	}
	return nil
}
