package httpstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// through asks a server that answers with handler, with little patience.
func through(t *testing.T, patience Patience, handler http.HandlerFunc, body io.Reader) ([]byte, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	Tune(transport, patience)
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// TestStalls: a connection that stands still ends, wherever it stands.
func TestStalls(t *testing.T) {
	patience := Patience{Bytes: 200 * time.Millisecond, Answer: 400 * time.Millisecond}
	// A server that does not read never notices that its client has gone.
	var over chan struct{}
	for name, handler := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"half an answer": func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Write(make([]byte, 100_000))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"takes no body": func(http.ResponseWriter, *http.Request) { <-over },
	} {
		t.Run(name, func(t *testing.T) {
			over = make(chan struct{})
			defer close(over)
			start := time.Now()
			_, err := through(t, patience, handler, bytes.NewReader(make([]byte, 64<<20)))
			if !errors.Is(err, errStalled) || Kind(err) != objstore.KindTransient || time.Since(start) > 10*time.Second {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	}
}

// TestSlowIsNoStall: what moves is left alone, however long it takes.
func TestSlowIsNoStall(t *testing.T) {
	patience := Patience{Bytes: time.Second, Answer: time.Second}
	const steps = 15
	got, err := through(t, patience, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		for range steps {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			pause(r.Context(), 100*time.Millisecond)
		}
	}, &drip{ctx: t.Context(), left: steps})
	if err != nil || len(got) != steps {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

// drip is a body that comes slowly.
type drip struct {
	ctx  context.Context
	left int
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	d.left--
	pause(d.ctx, 100*time.Millisecond)
	return copy(p, make([]byte, 1000)), nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func TestBody(t *testing.T) {
	data := []byte("0123456789")
	right, wrong := chunk.Sum(data), chunk.Sum(data)+1
	for _, c := range []struct {
		name string
		sent string
		rest int64
		want *chunk.Digest
		kind objstore.Kind
		got  string
	}{
		{"whole", "0123456789", 10, &right, objstore.KindUnknown, "0123456789"},
		{"nobody knows", "0123456789", 10, nil, objstore.KindUnknown, "0123456789"},
		{"more than asked for", "0123456789", 4, nil, objstore.KindUnknown, "0123"},
		{"less", "0123", 10, &right, objstore.KindTransient, "0123"},
		{"changed", "0123456789", 10, &wrong, objstore.KindCorrupt, "0123456789"},
		{"empty", "", 0, nil, objstore.KindUnknown, ""},
	} {
		b := &Body{Source: io.NopCloser(bytes.NewReader([]byte(c.sent))), Rest: c.rest, Want: c.want,
			Fail: func(err error) error { return &objstore.Error{Kind: Kind(err), Err: err} }}
		got, err := io.ReadAll(b)
		if string(got) != c.got || objstore.KindOf(err) != c.kind || (err == nil) != (c.kind == objstore.KindUnknown) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		want objstore.Kind
	}{
		{&net.DNSError{Err: "no such host"}, objstore.KindUnreachable},
		{fmt.Errorf("sent: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}), objstore.KindUnreachable},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, objstore.KindTransient},
		{fmt.Errorf("body: %w", io.ErrUnexpectedEOF), objstore.KindTransient},
		{fmt.Errorf("wait: %w", context.Canceled), objstore.KindTransient},
		{&CredentialsError{Err: errors.New("none"), Remedy: "log in"}, objstore.KindPermission},
		{&objstore.Error{Kind: objstore.KindQuota}, objstore.KindQuota},
		{errors.New("else"), objstore.KindUnknown},
	} {
		if got := Kind(c.err); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
	for status, want := range map[int]objstore.Kind{429: objstore.KindThrottled, 503: objstore.KindThrottled, 500: objstore.KindTransient, 404: objstore.KindNotFound, 418: objstore.KindUnknown} {
		if got := StatusKind(status); got != want {
			t.Errorf("status %d is %v, want %v", status, got, want)
		}
	}
	if got := Cause(&CredentialsError{Err: errors.New("none\nat all"), Remedy: "log in"}).Error(); got != "no credentials found (none at all); log in" {
		t.Errorf("said is %q", got)
	}
}
