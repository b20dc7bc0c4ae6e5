package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/terraform/statetest"
)

// behindHTTP puts the state of a root behind HTTP.
func behindHTTP(t *testing.T, dir string) *statetest.Server {
	t.Helper()
	states := &statetest.Server{}
	server := httptest.NewServer(states)
	t.Cleanup(server.Close)
	at := server.URL + "/run"
	addFile(t, dir, "backend.tf", fmt.Sprintf("terraform {\n  backend \"http\" {\n    address = %q\n    lock_address = %q\n    unlock_address = %q\n  }\n}\n", at, at, at))
	return states
}

// TestKilledTerraformLeavesNoLock: where the state is elsewhere, the lock of a
// Terraform that was killed is taken away without waiting for it, whether the
// program that started it lived on or not.
func TestKilledTerraformLeavesNoLock(t *testing.T) {
	dir, started := slow(t)
	t.Cleanup(func() { // the provisioner waits for this
		if never, err := os.OpenFile(filepath.Join(dir, "never"), os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			never.Close()
		}
	})
	states := behindHTTP(t, dir)
	e, log := newEngine(t, dir)
	plan, err := e.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	applied := make(chan error, 1)
	go func() { applied <- e.Apply(t.Context(), plan) }()
	if err := syscall.Kill(started(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-applied; err == nil {
		t.Error("the apply of a Terraform that was killed ended well")
	}
	if states.Lock("/run") == nil {
		t.Fatal("a Terraform that was killed leaves no lock: this test tests nothing")
	}
	if err := e.Destroy(t.Context()); err != nil {
		t.Errorf("destroy: %v", err)
	}
	if lock := states.Lock("/run"); lock != nil || !strings.Contains(log.String(), "is taken away") {
		t.Errorf("left is the lock %s", lock)
	}
	if records, err := filepath.Glob(filepath.Join(dir, ".skyctl-terraform-*")); err != nil || len(records) > 0 {
		t.Errorf("left are the records %q, %v", records, err)
	}
}

// TestOthersLocksStay: only a lock that a Terraform of this root can have made,
// before it was killed, is taken away.
func TestOthersLocksStay(t *testing.T) {
	dir := writeRoot(t, map[string]string{"main.tf": ""})
	states := behindHTTP(t, dir)
	newEngine(t, dir)
	e, err := New(Config{Dir: dir, Binary: terraformPath, LockWait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// It was killed after a minute, an hour ago.
	began := time.Now().Add(-time.Hour)
	record, err := json.Marshal(map[string]any{"pid": 1 << 22, "start": 1, "host": host, "began": began, "ended": began.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		who     string
		created time.Time
		taken   bool
	}{
		"its own":                  {"ann@" + host, began.Add(time.Second), true},
		"of another machine":       {"ann@elsewhere", began.Add(time.Second), false},
		"from before it began":     {"ann@" + host, began.Add(-time.Second), false},
		"from after it was killed": {"ann@" + host, began.Add(2 * time.Minute), false},
	} {
		addFile(t, dir, fmt.Sprintf(".skyctl-terraform-%d-1.json", 1<<22), string(record))
		lock, err := json.Marshal(map[string]any{"ID": "6b27-1", "Operation": "OperationTypeApply", "Who": c.who, "Version": "1.11.4", "Created": c.created.UTC()})
		if err != nil {
			t.Fatal(err)
		}
		states.SetLock("/run", lock)
		_, err = e.Plan(t.Context(), PlanOptions{})
		if taken := states.Lock("/run") == nil; taken != c.taken || (err == nil) != c.taken {
			t.Errorf("%s: taken is %t, %v", what, taken, err)
		}
	}
}

// TestLockOf reads what Terraform shows of a lock.
func TestLockOf(t *testing.T) {
	const text = `exit status 1
╷
│ Error: Error acquiring the state lock
│ 
│ Error message: operation error S3: PutObject, https response error StatusCode: 412, api error PreconditionFailed: At least one of the pre-conditions you specified did not hold
│ Lock Info:
│   ID:        2f4f6f2b-5a5c-4c1e-8d0f-0d5a2e7f3c11
│   Path:      bucket/skyctl/r1.tfstate
│   Operation: OperationTypeApply
│   Who:       ann@desk
│   Version:   1.11.4
│   Created:   2026-11-28 09:23:53.067070312 +0000 UTC
│   Info:      
`
	lock, err := (&Engine{}).lockOf(t.Context(), wrap("apply", errors.New(text)).(*Error).Err)
	want := stateLock{"2f4f6f2b-5a5c-4c1e-8d0f-0d5a2e7f3c11", "ann@desk", time.Date(2026, 11, 28, 9, 23, 53, 67070312, time.UTC)}
	if err != nil || lock == nil || lock.id != want.id || lock.who != want.who || !lock.created.Equal(want.created) {
		t.Errorf("%+v, %v", lock, err)
	}
}
