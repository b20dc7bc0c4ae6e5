package control

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// fake is an agent that finishes a chunk as soon as it is assigned.
type fake struct {
	mu       sync.Mutex
	cfg      Config
	assigned map[chunk.ID]Assignment
	results  []Result
	uploads  map[string]BeginRequest
	swept    SweepRequest
	quiesced bool
	changed  chan struct{} // closed and replaced whenever results grow

	fail  error                                  // what the staged writes answer
	enter func(ctx context.Context, what string) // called at the start of a call, if set
	mute  bool                                   // Results yields nothing but results
}

var _ API = (*fake)(nil)

func newFake() *fake {
	return &fake{assigned: map[chunk.ID]Assignment{}, uploads: map[string]BeginRequest{}, changed: make(chan struct{})}
}

// with runs look while no call changes the fake, nor looks at it.
func (f *fake) with(look func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	look()
}

// call does what a call does to the fake.
func (f *fake) call(ctx context.Context, what string, effect func()) error {
	f.mu.Lock()
	enter := f.enter
	f.mu.Unlock()
	if enter != nil {
		enter(ctx, what)
	}
	f.with(effect)
	return ctx.Err()
}

// staged is call for those calls that a test can make fail.
func (f *fake) staged(ctx context.Context, what string, effect func()) error {
	var fail error
	if err := f.call(ctx, what, func() { effect(); fail = f.fail }); err != nil {
		return err
	}
	return fail
}

func (f *fake) Info(ctx context.Context) (info Info, err error) {
	err = f.call(ctx, "info", func() {
		info = Info{Name: "gw-0", Run: testRun, Version: "test", PID: 7, Session: f.cfg.Session, NotAfter: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)}
	})
	return info, err
}

func (f *fake) Configure(ctx context.Context, cfg Config) error {
	return f.call(ctx, "configure", func() { f.cfg = cfg })
}

func (f *fake) Assign(ctx context.Context, chunks []Assignment) error {
	return f.call(ctx, "assign", func() {
		for _, a := range chunks {
			if _, known := f.assigned[a.Chunk]; known {
				continue
			}
			f.assigned[a.Chunk] = a
			f.results = append(f.results, Result{
				Seq: uint64(len(f.results) + 1), Chunk: a.Chunk, Attempt: a.Attempt, Dest: a.Dests[0].Number, Bytes: a.Range.Length, Took: time.Millisecond,
			})
		}
		close(f.changed)
		f.changed = make(chan struct{})
	})
}

func (f *fake) Results(ctx context.Context, after uint64, yield func([]Result) error) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		f.mu.Lock()
		fresh, changed, mute := slices.Clone(f.results[after:]), f.changed, f.mute
		f.mu.Unlock()
		if len(fresh) > 0 || !mute {
			if err := yield(fresh); err != nil {
				return err
			}
		}
		after += uint64(len(fresh))
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Begin(ctx context.Context, req BeginRequest) (Begun, error) {
	err := f.staged(ctx, "begin", func() { f.uploads[req.Key] = req })
	return Begun{Upload: objstore.Upload{Key: req.Key, ID: "id of " + req.Key, Size: req.Size}, Lost: objstore.FieldTags}, err
}

func (f *fake) Uploads(ctx context.Context, req UploadsRequest) ([]objstore.Upload, error) {
	err := f.staged(ctx, "uploads", func() {})
	return []objstore.Upload{{Key: req.Key, ID: req.Since.Format(time.RFC3339Nano)}}, err
}

func (f *fake) Sweep(ctx context.Context, req SweepRequest) error {
	return f.call(ctx, "sweep", func() { f.swept = req })
}

func (f *fake) Renew(ctx context.Context, stores map[string]objstore.Config) error {
	return f.call(ctx, "renew", func() { f.cfg.Stores = stores })
}

func (f *fake) Commit(ctx context.Context, req CommitRequest) (Committed, error) {
	err := f.staged(ctx, "commit", func() {})
	return Committed{Version: objstore.Version(req.Digest.String()), Verified: VerifiedStore}, err
}

func (f *fake) Abort(ctx context.Context, _ UploadRequest) error {
	return f.staged(ctx, "abort", func() {})
}

func (f *fake) Parts(ctx context.Context, req UploadRequest) ([]objstore.PartRef, error) {
	err := f.staged(ctx, "parts", func() {})
	digest := chunk.Sum([]byte(req.Upload.Key))
	return []objstore.PartRef{{Number: 0, Size: 5, Digest: &digest, Token: `"etag"`}, {Number: 1, Size: 6}}, err
}

func (f *fake) Quiesce(ctx context.Context) error {
	return f.call(ctx, "quiesce", func() { f.quiesced = true })
}

func (f *fake) Stats(ctx context.Context) (Stats, error) {
	err := f.call(ctx, "stats", func() {})
	return Stats{ChunksRead: 1, BytesSent: 1 << 40, Queued: 3}, err
}

func (f *fake) Limit(ctx context.Context, req LimitRequest) error {
	return f.call(ctx, "limit", func() { f.cfg.Limit = req.BytesPerSecond })
}

func (f *fake) Measure(ctx context.Context, req MeasureRequest) (Measured, error) {
	err := f.call(ctx, "measure", func() {})
	return Measured{RTT: time.Millisecond, Gbps: []float64{1.5, float64(req.Seconds)}, Bytes: 9, Sent: 7, Lost: 1}, err
}

func (f *fake) Probe(ctx context.Context, req ProbeRequest) (ProbeResult, error) {
	err := f.call(ctx, "probe", func() {})
	return ProbeResult{QUIC: Probed{Error: "no way to " + string(req.Peer)}, TLS: Probed{RTT: time.Millisecond, Gbps: 1.5, Sent: 7, Lost: 1}}, err
}
