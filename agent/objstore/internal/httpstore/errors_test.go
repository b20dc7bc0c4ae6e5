package httpstore

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// TestLapsedCredentials: those that were never found are the user's to set,
// those that cannot be renewed end the run and no object.
func TestLapsedCredentials(t *testing.T) {
	for _, c := range []struct {
		err    error
		lapsed bool
		kind   objstore.Kind
		says   string
	}{
		{errors.New("no profile"), false, objstore.KindPermission, "no credentials found (no profile); log in"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, false, objstore.KindPermission, "no credentials found"},
		{errors.New("session ended"), true, objstore.KindExpired, "the credentials cannot be renewed (session ended); log in"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, true, objstore.KindTransient, "cannot be renewed"},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, true, objstore.KindTransient, "cannot be renewed"},
	} {
		err := fmt.Errorf("request: %w", &CredentialsError{Err: c.err, Remedy: "log in", Lapsed: c.lapsed})
		if got := Kind(err); got != c.kind || !strings.Contains(Cause(err).Error(), c.says) {
			t.Errorf("%v is %v, want %v", err, got, c.kind)
		}
	}
}

// TestExplainClock: a refusal by a store whose clock is another says so, and no
// other error does.
func TestExplainClock(t *testing.T) {
	const tail = "; the clock of this machine is "
	for _, c := range []struct {
		kind objstore.Kind
		off  time.Duration // of this machine's clock
		want string
	}{
		{objstore.KindPermission, 20 * time.Minute, tail + "20m0s ahead of the store's: set it"},
		{objstore.KindExpired, -3 * time.Hour, tail + "3h0m0s behind the store's: set it"},
		{objstore.KindPermission, time.Minute, ""},
		{objstore.KindNotFound, time.Hour, ""},
	} {
		cause := errors.New("refused")
		e := &objstore.Error{Kind: c.kind, Err: cause}
		ExplainClock(e, http.Header{"Date": {time.Now().Add(-c.off).UTC().Format(http.TimeFormat)}})
		if got := e.Err.Error(); got != "refused"+c.want || !errors.Is(e, cause) {
			t.Errorf("%v, off by %v: %q", c.kind, c.off, got)
		}
	}
	e := &objstore.Error{Kind: objstore.KindPermission, Err: errors.New("refused")}
	if ExplainClock(e, http.Header{}); e.Err.Error() != "refused" {
		t.Errorf("without a date: %v", e.Err)
	}
}
