package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// TestConformance runs the same calls against the API itself and through a
// Client over both transports: a caller must not be able to tell them apart.
func TestConformance(t *testing.T) {
	t.Run("direct", func(t *testing.T) {
		f := newFake()
		conform(t, f, f)
	})
	overBoth(t, func(t *testing.T, f *fake, _ site, c *Client) { conform(t, f, c) })
}

func conform(t *testing.T, f *fake, api API) {
	t.Run("calls", func(t *testing.T) { conformCalls(t, f, api) })
	t.Run("results", func(t *testing.T) { conformResults(t, f, api) })
	t.Run("errors", func(t *testing.T) { conformErrors(t, f, api) })
	t.Run("contexts", func(t *testing.T) { conformContexts(t, api) })
}

func conformCalls(t *testing.T, f *fake, api API) {
	ctx := t.Context()
	cfg := Config{
		Session: "s1", Memory: 1 << 30, Streams: 5, Verify: VerifyRead,
		Stores: map[string]objstore.Config{"east": {Type: "s3", Bucket: "b", Credentials: map[string]string{"secret_access_key": "x"}}},
		Peers:  map[route.Gateway]Peer{"gw-1": {Address: "127.0.0.1:1", Connections: 8}},
		Routes: []Route{{ID: 1, Tree: route.Node{Gateway: "gw-0", Children: []route.Node{{Gateway: "gw-1", Writes: []route.Dest{0}}}}, Weight: 0.25}},
		Credit: map[route.Gateway]int64{"gw-1": 1 << 20},
	}
	err := api.Configure(ctx, cfg)
	f.with(func() {
		if err != nil || !reflect.DeepEqual(f.cfg, cfg) {
			t.Errorf("Configure: %v, %+v", err, f.cfg)
		}
	})
	info, err := api.Info(ctx)
	if err != nil || info.Name != "gw-0" || info.Session != "s1" || !info.NotAfter.Equal(time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)) {
		t.Errorf("Info: %v, %+v", err, info)
	}
	if stats, err := api.Stats(ctx); err != nil || !reflect.DeepEqual(stats, Stats{ChunksRead: 1, BytesSent: 1 << 40, Queued: 3}) {
		t.Errorf("Stats: %v, %+v", err, stats)
	}
	if err := api.Limit(ctx, LimitRequest{BytesPerSecond: 7}); err != nil {
		t.Errorf("Limit: %v", err)
	}
	f.with(func() {
		if f.cfg.Limit != 7 {
			t.Errorf("the limit is %d", f.cfg.Limit)
		}
	})
	const key = "odd/ key+%#?//\x01\"é�/."
	begin := BeginRequest{Store: "s", Key: key, Size: 11, Metadata: objstore.Metadata{ContentType: "text/plain", User: map[string]string{"a": "b"},
		Tags: map[string]string{"c": ""}, Modified: time.Date(1960, 1, 2, 3, 4, 5, 6, time.UTC), Mode: 0o644}}
	begun, err := api.Begin(ctx, begin)
	up := begun.Upload
	f.with(func() {
		if err != nil || up != (objstore.Upload{Key: key, ID: "id of " + key, Size: 11}) || begun.Lost != objstore.FieldTags || !reflect.DeepEqual(f.uploads[key], begin) {
			t.Errorf("Begin: %v, %+v", err, begun)
		}
	})
	since := time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)
	left, err := api.Uploads(ctx, UploadsRequest{Store: "s", Key: key, Since: since})
	if err != nil || !reflect.DeepEqual(left, []objstore.Upload{{Key: key, ID: since.Format(time.RFC3339Nano)}}) {
		t.Errorf("Uploads: %v, %+v", err, left)
	}
	sweep := SweepRequest{Store: "s", Dirs: []string{"", "a b/ü/"}}
	err = api.Sweep(ctx, sweep)
	f.with(func() {
		if err != nil || !reflect.DeepEqual(f.swept, sweep) {
			t.Errorf("Sweep: %v, %+v", err, f.swept)
		}
	})
	renewed := map[string]objstore.Config{"east": {Type: "s3", Bucket: "b", Expires: since}}
	err = api.Renew(ctx, renewed)
	f.with(func() {
		if err != nil || !reflect.DeepEqual(f.cfg.Stores, renewed) {
			t.Errorf("Renew: %v, %+v", err, f.cfg.Stores)
		}
	})
	digest := chunk.Sum([]byte(key))
	parts, err := api.Parts(ctx, UploadRequest{Store: "s", Upload: up})
	if err != nil || !reflect.DeepEqual(parts, []objstore.PartRef{{Size: 5, Digest: &digest, Token: `"etag"`}, {Number: 1, Size: 6}}) {
		t.Errorf("Parts: %v, %+v", err, parts)
	}
	done, err := api.Commit(ctx, CommitRequest{Store: "s", Upload: up, Parts: parts, Digest: digest})
	if err != nil || done != (Committed{Version: objstore.Version(digest.String()), Verified: VerifiedStore}) {
		t.Errorf("Commit: %v, %+v", err, done)
	}
	if err := api.Abort(ctx, UploadRequest{Store: "s", Upload: up}); err != nil {
		t.Errorf("Abort: %v", err)
	}
	probed, err := api.Probe(ctx, ProbeRequest{Peer: "w", Address: "h:1"})
	if err != nil || probed.QUIC.Error != "no way to w" || probed.TLS != (Probed{RTT: time.Millisecond, Gbps: 1.5, Sent: 7, Lost: 1}) {
		t.Errorf("Probe: %+v, %v", probed, err)
	}
	measured, err := api.Measure(ctx, MeasureRequest{Peer: "w", Address: "h:1", Transport: TransportTLS, Connections: 8, Seconds: 5})
	if want := (Measured{RTT: time.Millisecond, Gbps: []float64{1.5, 5}, Bytes: 9, Sent: 7, Lost: 1}); err != nil || !reflect.DeepEqual(measured, want) {
		t.Errorf("Measure: %+v, %v", measured, err)
	}
	err = api.Quiesce(ctx)
	f.with(func() {
		if err != nil || !f.quiesced {
			t.Errorf("Quiesce: %v, %v", err, f.quiesced)
		}
	})
}

// assignments returns n chunks of one object from index first on.
func assignments(first, n int) []Assignment {
	chunks := make([]Assignment, n)
	for i := range chunks {
		id := chunk.ID{Object: 1, Index: int32(first + i)}
		key := fmt.Sprintf("%s/%d", strings.Repeat("k", 200), first+i)
		chunks[i] = Assignment{
			Chunk: id, Attempt: 1, Store: "east", Key: key, Version: `"v"`, Range: chunk.Range{Offset: int64(i), Length: 1},
			Dests: []Dest{{Number: 2, Store: "west", Key: key, Upload: &objstore.Upload{Key: key, ID: "u", Size: 7}}},
		}
	}
	return chunks
}

var errEnough = errors.New("enough")

// collect reads results until there are n.
func collect(ctx context.Context, api API, after uint64, n int) ([]Result, error) {
	var got []Result
	err := api.Results(ctx, after, func(batch []Result) error {
		if got = append(got, batch...); len(got) >= n {
			return errEnough
		}
		return nil
	})
	if err == errEnough { // not errors.Is: it must come back as it is
		err = nil
	}
	return got, err
}

func conformResults(t *testing.T, f *fake, api API) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a loaded machine, and the race detector
	defer cancel()
	const n = 4000 // several bodies, several lines
	chunks := assignments(0, n)
	for range 2 { // twice is once
		if err := api.Assign(ctx, chunks); err != nil {
			t.Fatal(err)
		}
	}
	got, err := collect(ctx, api, 0, n)
	f.with(func() {
		if len(f.assigned) != n || !reflect.DeepEqual(f.assigned[chunks[n-1].Chunk], chunks[n-1]) {
			t.Errorf("%d assigned, the last %+v", len(f.assigned), f.assigned[chunks[n-1].Chunk])
		}
		if err != nil || !reflect.DeepEqual(got, f.results) {
			t.Errorf("%d results, %v", len(got), err)
		}
	})
	if got, err = collect(ctx, api, n-1, 1); err != nil || len(got) != 1 || got[0].Seq != n {
		t.Errorf("after %d: %+v, %v", n-1, got, err)
	}
	idle := make(chan int, 1)
	err = api.Results(ctx, n, func(batch []Result) error {
		idle <- len(batch)
		return errEnough
	})
	if err != errEnough || <-idle != 0 {
		t.Errorf("idle: %v", err)
	}
	if err := api.Assign(ctx, nil); err != nil {
		t.Errorf("nothing to assign: %v", err)
	}
}

func conformErrors(t *testing.T, f *fake, api API) {
	defer f.with(func() { f.fail = nil })
	cause := errors.New("403 Forbidden")
	errs := []error{
		errors.New("no store is called east"),
		&objstore.Error{Op: "begin", Bucket: "s3://b"},
		fmt.Errorf("commit 7: %w", &objstore.Error{Op: "commit", Bucket: "s3://b", Key: "k", Kind: objstore.KindQuota, Err: cause}),
		fmt.Errorf("stopped: %w", context.Canceled),
	}
	for kind := objstore.KindUnknown; kind <= objstore.KindUnreachable; kind++ {
		errs = append(errs, &objstore.Error{Op: "parts", Bucket: "s3://b", Key: "k <&>", Kind: kind, RequestID: "r1", Err: cause})
	}
	for _, want := range errs {
		f.with(func() { f.fail = want })
		_, beginErr := api.Begin(t.Context(), BeginRequest{Key: "k"})
		_, commitErr := api.Commit(t.Context(), CommitRequest{})
		_, partsErr := api.Parts(t.Context(), UploadRequest{})
		for _, got := range []error{beginErr, commitErr, partsErr, api.Abort(t.Context(), UploadRequest{})} {
			if got == nil || got.Error() != want.Error() || objstore.KindOf(got) != objstore.KindOf(want) {
				t.Errorf("got %v (%v), want %v (%v)", got, objstore.KindOf(got), want, objstore.KindOf(want))
			}
			var g, w *objstore.Error
			if errors.As(want, &w) && (!errors.As(got, &g) || g.Op != w.Op || g.Bucket != w.Bucket || g.Key != w.Key || g.RequestID != w.RequestID) {
				t.Errorf("got %+v, want %+v", g, w)
			}
			if _, bare := want.(*objstore.Error); bare {
				if _, ok := got.(*objstore.Error); !ok {
					t.Errorf("got a %T", got)
				}
			}
		}
	}
}

func conformContexts(t *testing.T, api API) {
	ctx, cancel := context.WithCancel(t.Context())
	err := api.Results(ctx, 0, func([]Result) error { cancel(); return nil })
	if err != context.Canceled {
		t.Errorf("Results, cancelled: %v", err)
	}
	if _, err := api.Info(ctx); err != context.Canceled {
		t.Errorf("Info, cancelled: %v", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if err := api.Results(late, 0, func([]Result) error { return nil }); err != context.DeadlineExceeded {
		t.Errorf("Results, too late: %v", err)
	}
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	overBoth(t, func(t *testing.T, f *fake, _ site, c *Client) {
		bad := assignments(0, 1)
		bad[0].Key = "a\xff"
		_, beginErr := c.Begin(t.Context(), BeginRequest{Key: "a\xff"})
		for _, err := range []error{beginErr, c.Assign(t.Context(), bad)} {
			if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), `"a\xff"`) {
				t.Errorf("got %v", err)
			}
		}
		f.with(func() {
			if len(f.assigned)+len(f.uploads) != 0 {
				t.Error("something arrived")
			}
		})
	})
}

func TestTheClientComesBack(t *testing.T) {
	t.Parallel()
	id := identity(t)
	first := serve(t, id, Handler(newFake()), "", offer{tcp: true})
	c := client(t, first.address, authority().ClientConfig("gw-0"), both)
	if _, err := c.Info(t.Context()); err != nil || c.Protocol() != protocolTCP {
		t.Fatalf("%v over %q", err, c.Protocol())
	}
	for _, step := range []struct {
		offer offer
		want  string
	}{
		{offer{quic: true}, protocolQUIC}, // TCP is gone
		{both, protocolQUIC},
		{offer{tcp: true}, protocolTCP}, // QUIC is gone
	} {
		first.stop()
		first = serve(t, id, Handler(newFake()), first.address, step.offer)
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatalf("%+v: %v", step.offer, err)
		}
		if got := c.Protocol(); got != step.want {
			t.Errorf("%+v: the client speaks %q, want %q", step.offer, got, step.want)
		}
	}
	first.stop()
	var unreachable *UnreachableError
	if _, err := c.Info(t.Context()); !errors.As(err, &unreachable) || !strings.Contains(err.Error(), first.address) || strings.Contains(err.Error(), "\n") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestAnotherGatewayIsNotTheOneAskedFor(t *testing.T) {
	overBoth(t, func(t *testing.T, _ *fake, s site, _ *Client) {
		c := client(t, s.address, authority().ClientConfig("gw-9"), s.offer)
		if _, err := c.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "gw-0 answers where skyctl://r7/gateway/gw-9 should") {
			t.Errorf("got %v", err)
		}
	})
}

func TestSilenceIsNoticed(t *testing.T) {
	t.Parallel()
	for _, tr := range transports {
		t.Run(tr.protocol, func(t *testing.T) {
			t.Parallel()
			mute := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
			s := serve(t, identity(t), mute, "", tr.offer)
			c, err := NewClient(ClientConfig{Address: s.address, TLS: authority().ClientConfig("gw-0"), QUICTimeout: time.Second, Silence: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}()
			err = c.Results(t.Context(), 0, func([]Result) error { return nil })
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "no sign of life for 2s") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheHandlerGivesSignsOfLife(t *testing.T) {
	overBoth(t, func(t *testing.T, f *fake, _ site, c *Client) {
		f.with(func() { f.mute = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		beats := 0
		err := c.Results(ctx, 0, func(batch []Result) error {
			if beats++; beats == 2 || len(batch) > 0 {
				return errEnough
			}
			return nil
		})
		if err != errEnough || beats != 2 {
			t.Errorf("%d signs of life, %v", beats, err)
		}
	})
}

func TestCloseEndsCalls(t *testing.T) {
	overBoth(t, func(t *testing.T, _ *fake, _ site, c *Client) {
		listening, result := make(chan struct{}, 100), make(chan error, 1)
		go func() {
			result <- c.Results(context.Background(), 0, func([]Result) error { listening <- struct{}{}; return nil })
		}()
		<-listening
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, errClosed) {
			t.Errorf("the call under way: %v", err)
		}
		if _, err := c.Info(t.Context()); !errors.Is(err, errClosed) {
			t.Errorf("a call afterwards: %v", err)
		}
	})
}
