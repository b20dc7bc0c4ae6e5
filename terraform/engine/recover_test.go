package engine

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// keeper keeps a state as Terraform's http backend wants it.
type keeper struct {
	state  atomic.Pointer[[]byte]
	full   atomic.Bool // takes no state
	locked atomic.Bool // by somebody else
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/lock":
		if k.locked.Load() && r.Method == "LOCK" {
			w.WriteHeader(http.StatusInternalServerError) // unlike 423 nothing to wait for
		}
	case r.Method == http.MethodGet:
		if state := k.state.Load(); state != nil {
			_, _ = w.Write(*state)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	case k.full.Load():
		w.WriteHeader(http.StatusInsufficientStorage)
	default:
		state, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		k.state.Store(&state)
	}
}

// kept is a root with one machine, a file, whose state is at a keeper.
func kept(t *testing.T) (*keeper, *Engine, string) {
	t.Helper()
	k := &keeper{}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	machine := filepath.Join(t.TempDir(), "machine")
	e, _ := newEngine(t, writeRoot(t, map[string]string{
		"main.tf": `
terraform {
  backend "http" {
    address        = "` + server.URL + `/state"
    lock_address   = "` + server.URL + `/lock"
    unlock_address = "` + server.URL + `/lock"
    retry_max      = 0
  }
}
module "a" { source = "./a" }
`,
		"a/main.tf": `
resource "terraform_data" "machine" {
  input = "` + machine + `"
  provisioner "local-exec" {
    command = "touch ${self.output}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm ${self.output}"
  }
}
`}))
	return k, e, machine
}

// TestUnwrittenState loses no machine for a state that could not be written when
// the machine was created.
func TestUnwrittenState(t *testing.T) {
	k, e, machine := kept(t)
	plan, err := e.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	k.full.Store(true)
	if err := e.Apply(t.Context(), plan); err == nil {
		t.Fatal("the state could not be written, and apply does not say so")
	}
	if _, err := os.Stat(machine); err != nil {
		t.Fatalf("the machine: %v", err)
	}

	err = e.Destroy(t.Context())
	if remaining, ok := errors.AsType[*RemainingError](err); !ok {
		t.Errorf("destroy while the state still cannot be written says %v, %v", err, remaining)
	}

	k.full.Store(false)
	if err := e.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(machine); !os.IsNotExist(err) {
		t.Errorf("the machine is left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(e.cfg.Dir, erroredFile)); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", erroredFile, err)
	}
}

// TestNoStateAtAll: the disk was so full that Terraform could write it nowhere.
func TestNoStateAtAll(t *testing.T) {
	_, e, _ := kept(t)
	addFile(t, e.cfg.Dir, erroredFile, "")
	if remaining, ok := errors.AsType[*RemainingError](e.Destroy(t.Context())); !ok {
		t.Errorf("destroy says %v", remaining)
	}
}

// TestDestroyLocked: what is created by who has the lock is in no state yet.
func TestDestroyLocked(t *testing.T) {
	k, e, _ := kept(t)
	k.locked.Store(true)
	if remaining, ok := errors.AsType[*RemainingError](e.Destroy(t.Context())); !ok {
		t.Errorf("destroy without the lock says %v", remaining)
	}
}
