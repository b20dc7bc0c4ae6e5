package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// outage is a region whose cloud does not answer: a read that succeeded at
// apply fails from then on. With stuck its machine cannot be destroyed either.
const outage = `
variable "state" { type = string }
variable "stuck" { type = string }

data "terraform_remote_state" "cloud" {
  backend = "local"
  config  = { path = var.state }
}

resource "terraform_data" "machine" {
  input = var.stuck

  provisioner "local-exec" {
    when    = destroy
    command = self.output
  }
}
`

const healthy = `resource "terraform_data" "machine" {}`

func TestDestroyByRegion(t *testing.T) {
	for name, tc := range map[string]struct {
		command string // that the region without a cloud destroys its machine with
		left    []string
	}{
		"a read fails":           {"true", nil},
		"a read and more fails":  {"false", []string{"module.b.terraform_data.machine"}},
		"the error has the text": {"echo quota >&2; false", []string{"module.b.terraform_data.machine"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeRoot(t, map[string]string{
				"a/main.tf": healthy,
				"b/main.tf": outage,
				"c/main.tf": healthy,
				"main.tf": `
variable "cloud" { default = "up.tfstate" }
module "a" { source = "./a" }
module "b" {
  source = "./b"
  state  = "${path.root}/${var.cloud}"
  stuck  = "` + tc.command + `"
}
module "c" { source = "./c" }
`,
				"up.tfstate": `{"version": 4, "terraform_version": "1.11.0", "serial": 1, "lineage": "x", "outputs": {}, "resources": []}`,
			})
			e, log := newEngine(t, dir)
			apply(t, e, PlanOptions{})
			if list, err := e.StateList(t.Context()); err != nil || len(list) != 3 {
				t.Fatalf("state has %q, %v", list, err)
			}
			addFile(t, dir, "cloud.auto.tfvars", `cloud = "down.tfstate"`)

			err := e.Destroy(t.Context())
			if !strings.Contains(log.String(), "Unable to find remote state") {
				t.Error("the whole destroy did not fail, so there was nothing to fall back from")
			}
			list, listErr := e.StateList(t.Context())
			if listErr != nil || !slices.Equal(list, tc.left) {
				t.Errorf("left are %q, %v; want %q", list, listErr, tc.left)
			}
			if tc.left == nil {
				if err != nil {
					t.Errorf("nothing is left, and yet: %v", err)
				}
				return
			}
			var remaining *RemainingError
			if !errors.As(err, &remaining) || !slices.Equal(remaining.Resources, tc.left) {
				t.Fatalf("the error is %v", err)
			}
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), tc.left[0]) {
				t.Errorf("the error does not say on one line what is left: %v", err)
			}
		})
	}
}

// TestDestroyStopsWithItsContext starts no region once it is over.
func TestDestroyStopsWithItsContext(t *testing.T) {
	dir := writeRoot(t, map[string]string{"a/main.tf": healthy, "main.tf": `module "a" { source = "./a" }`})
	e, _ := newEngine(t, dir)
	apply(t, e, PlanOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := e.Destroy(ctx)
	var remaining *RemainingError
	if !errors.As(err, &remaining) || !errors.Is(err, ctx.Err()) {
		t.Errorf("a cancelled destroy says %v", err)
	}
	if list, err := e.StateList(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("state has %q, %v", list, err)
	}
}
