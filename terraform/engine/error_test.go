package engine

import (
	"errors"
	"testing"
)

func TestErrorIsOneLine(t *testing.T) {
	for name, tc := range map[string]struct{ from, want string }{
		"provisioner": {
			"exit status 1\n\nError: local-exec provisioner error\n\n" +
				"  with module.local_east.terraform_data.gateway[\"local-east-0\"],\n" +
				"  on modules/local-gateway/main.tf line 30, in resource \"terraform_data\" \"gateway\":\n" +
				"  30:   provisioner \"local-exec\" {\n" +
				"    ├────────────────\n    │ var.x is 3\n\n" +
				"Error running command 'start.sh': exit status 1. Output: skyagent: address\nalready in use\n\n",
			`terraform apply: local-exec provisioner error at module.local_east.terraform_data.gateway["local-east-0"]: Error running command 'start.sh': exit status 1. Output: skyagent: address already in use`,
		},
		"two": {
			"exit status 1\n\nError: One.\n\nfirst\n\n\nError: Two\n",
			"terraform apply: One: first; Two",
		},
		"in boxes": {
			"exit status 1\n╷\n│ Error: Boxed\n│ \n│ its detail\n╵\n",
			"terraform apply: Boxed: its detail",
		},
		"no diagnostics": {
			"fork/exec x:\npermission denied",
			"terraform apply: fork/exec x: permission denied",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cause := errors.New(tc.from)
			err := wrap("apply", cause)
			if err.Error() != tc.want {
				t.Errorf("got  %s\nwant %s", err, tc.want)
			}
			if !errors.Is(err, cause) {
				t.Error("the cause is lost")
			}
		})
	}
}

// TestIsStale applies a plan after another Terraform changed the state.
func TestIsStale(t *testing.T) {
	dir := writeRoot(t, map[string]string{"main.tf": `resource "terraform_data" "a" {}`})
	e, _ := newEngine(t, dir)
	plan, err := e.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := plainTerraform(dir, "apply", "-auto-approve").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := e.Apply(t.Context(), plan); !IsStale(err) {
		t.Errorf("a stale plan says %v", err)
	}
	if IsStale(errors.New("Saved plan is stale")) {
		t.Error("any error with these words is stale")
	}
}
