package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// fakeAgent is a gateway whose writers write straight into the store.
type fakeAgent struct {
	w      *world
	name   route.Gateway
	life   int
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	log      []control.Result
	more     chan struct{}
	seen     map[attempt]bool
	hung     atomic.Bool // answers no call
	quiesced bool
	stats    control.Stats
	limit    int64
}

var errDead = fmt.Errorf("dial: %w", syscall.ECONNREFUSED)

func (a *fakeAgent) end() {
	a.mu.Lock()
	a.quiesced = true
	a.mu.Unlock()
	a.cancel()
	a.work.Wait()
}

// hang has the agent answer no call any more.
func (a *fakeAgent) hang() { a.hung.Store(true) }

// wake has it answer new ones again.
func (a *fakeAgent) wake() { a.hung.Store(false) }

// answer is what every call begins with.
func (a *fakeAgent) answer(ctx context.Context) error {
	if a.hung.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if a.ctx.Err() != nil {
		return errDead
	}
	time.Sleep(time.Millisecond) // fake time: what a call takes
	return ctx.Err()
}

// called is how a call that may get lost ends.
func (a *fakeAgent) lose(err error) error {
	if err == nil && a.w.chance(a.w.faults.call) {
		return errors.New("the answer was lost")
	}
	return err
}

func (a *fakeAgent) Info(ctx context.Context) (control.Info, error) {
	return control.Info{Name: a.name, Session: fmt.Sprint(a.life)}, a.answer(ctx)
}

func (a *fakeAgent) Configure(context.Context, control.Config) error { return nil }

func (a *fakeAgent) Stats(ctx context.Context) (control.Stats, error) {
	err := a.answer(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats, err
}

func (a *fakeAgent) Limit(ctx context.Context, req control.LimitRequest) error {
	err := a.answer(ctx)
	a.mu.Lock()
	a.limit = req.BytesPerSecond
	a.mu.Unlock()
	if a.w.limited != nil {
		a.w.limited()
	}
	return err
}

func (a *fakeAgent) Probe(ctx context.Context, _ control.ProbeRequest) (control.ProbeResult, error) {
	return control.ProbeResult{}, a.answer(ctx)
}

func (a *fakeAgent) Measure(ctx context.Context, _ control.MeasureRequest) (control.Measured, error) {
	return control.Measured{}, a.answer(ctx)
}

func (a *fakeAgent) Quiesce(ctx context.Context) error {
	if err := a.answer(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	a.quiesced = true
	a.mu.Unlock()
	a.work.Wait()
	return nil
}

func (a *fakeAgent) Assign(ctx context.Context, chunks []control.Assignment) error {
	if err := a.answer(ctx); err != nil {
		return err
	}
	if a.w.chance(a.w.faults.call) {
		return errors.New("the request was lost")
	}
	for _, c := range chunks {
		if !utf8.ValidString(c.Key) { // as control.Client says it
			return &objstore.Error{Op: "assign", Key: c.Key, Kind: objstore.KindInvalid, Err: errors.New("is not UTF-8")}
		}
	}
	return a.lose(a.take(chunks))
}

func (a *fakeAgent) take(chunks []control.Assignment) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.quiesced {
		return errors.New("told to stop")
	}
	for _, c := range chunks {
		if id := (attempt{c.Chunk, c.Attempt}); !a.seen[id] {
			a.seen[id] = true
			a.work.Go(func() { a.carry(c) })
		}
	}
	return nil
}

// carry reads one chunk and writes it to its destinations.
func (a *fakeAgent) carry(c control.Assignment) {
	if a.w.chance(a.w.faults.swallow) {
		return
	}
	a.w.mu.Lock()
	pause := a.w.faults.pause + time.Duration(a.w.rng.IntN(20)+1)*time.Millisecond
	a.w.sent[c.Chunk]++
	a.w.tried[attempt{c.Chunk, c.Attempt}]++
	a.w.mu.Unlock()
	select {
	case <-time.After(pause):
	case <-a.ctx.Done():
		return
	}
	data, digest, why := a.read(c)
	for _, d := range c.Dests {
		r := control.Result{Chunk: c.Chunk, Attempt: c.Attempt, Dest: d.Number, Route: a.route(c), Failure: why}
		if why == nil {
			r = a.write(c, d, r, data, digest)
		}
		a.report(r)
	}
}

func (a *fakeAgent) read(c control.Assignment) ([]byte, chunk.Digest, *control.Failure) {
	rc, _, err := a.w.src.Open(a.ctx, c.Key, c.Version, c.Range)
	if err != nil {
		return nil, 0, &control.Failure{Stage: control.StageRead, Kind: objstore.KindOf(err), Message: err.Error()}
	}
	data, err := io.ReadAll(rc)
	if err := errors.Join(err, rc.Close()); err != nil {
		return nil, 0, &control.Failure{Stage: control.StageRead, Kind: objstore.KindTransient, Message: err.Error()}
	}
	if a.w.faults.read != nil {
		a.w.faults.read(c, data)
	}
	return data, chunk.Sum(data), nil
}

// route is the first to all destinations that is not to be avoided; a real
// agent takes the least loaded one.
func (a *fakeAgent) route(c control.Assignment) int {
	for _, r := range a.w.routes[a.name] {
		all := !slices.Contains(c.Avoid, r.ID)
		for _, d := range c.Dests {
			all = all && r.Tree.Path(d.Number) != nil
		}
		if all {
			return r.ID
		}
	}
	return -1
}

func (a *fakeAgent) write(c control.Assignment, d control.Dest, r control.Result, data []byte, digest chunk.Digest) control.Result {
	fail := func(stage control.Stage, kind objstore.Kind, message string, at route.Gateway) control.Result {
		r.Failure = &control.Failure{Stage: stage, Kind: kind, Message: message, Gateway: at}
		return r
	}
	i := slices.IndexFunc(a.w.routes[a.name], func(rt control.Route) bool { return rt.ID == r.Route })
	if i < 0 {
		return fail(control.StageRoute, objstore.KindUnknown, "no route", "")
	}
	for _, g := range a.w.routes[a.name][i].Tree.Path(d.Number) {
		if !a.w.alive(g) {
			return fail(control.StageRoute, objstore.KindUnreachable, "broken pipe", g)
		}
	}
	if a.w.faults.fail != nil {
		a.w.mu.Lock()
		f := a.w.faults.fail(a.w.rng, c, d.Number, r.Route)
		a.w.mu.Unlock()
		if f != nil {
			r.Failure = f
			return r
		}
	}
	body := objstore.Body{Size: int64(len(data)), Bytes: data, Digest: digest}
	bucket := a.w.dsts[d.Number]
	var err error
	if d.Upload == nil {
		_, err = bucket.Put(a.ctx, d.Key, body, objstore.Metadata{})
		if !a.w.faults.unverified {
			r.Verified = control.VerifiedStore
		}
	} else {
		var ref objstore.PartRef
		ref, err = bucket.WritePart(a.ctx, *d.Upload, objstore.Part{Number: c.Chunk.Index, Offset: c.Range.Offset}, body)
		r.Token = ref.Token
	}
	if err != nil {
		return fail(control.StageWrite, objstore.KindOf(err), err.Error(), a.name)
	}
	if a.w.chance(a.w.faults.lostAck) {
		return fail(control.StageRoute, objstore.KindTransient, "the acknowledgement was lost", "")
	}
	r.Bytes, r.Digest = int64(len(data)), digest
	return r
}

func (a *fakeAgent) report(r control.Result) {
	times := 1
	if a.w.chance(a.w.faults.duplicate) {
		times = 2
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stats.BytesRead += r.Bytes
	a.stats.BytesSent += r.Bytes
	for range times {
		r.Seq = uint64(len(a.log) + 1)
		a.log = append(a.log, r)
	}
	close(a.more)
	a.more = make(chan struct{})
}

func (a *fakeAgent) Results(ctx context.Context, after uint64, yield func([]control.Result) error) error {
	if err := a.answer(ctx); err != nil {
		return err
	}
	for {
		a.mu.Lock()
		batch, more := a.log[min(int(after), len(a.log)):], a.more
		a.mu.Unlock()
		if a.hung.Load() { // what it has to say is not heard, nor ever will be on this connection
			<-ctx.Done()
			return ctx.Err()
		}
		if err := yield(batch); err != nil {
			return err
		}
		after += uint64(len(batch))
		if a.w.chance(a.w.faults.breakAfter) {
			return errors.New("the stream broke")
		}
		select {
		case <-more:
		case <-time.After(2 * time.Second):
		case <-a.ctx.Done():
			return errDead
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// staged is the frame of Begin, Commit, Abort and Parts.
func (a *fakeAgent) staged(ctx context.Context, store string, do func(*tracked) error) error {
	if err := a.answer(ctx); err != nil {
		return err
	}
	if a.w.chance(a.w.faults.call) {
		return errors.New("the request was lost")
	}
	a.mu.Lock()
	stop := a.quiesced
	a.mu.Unlock()
	if stop {
		return errors.New("told to stop")
	}
	if a.w.faults.staged != nil {
		if err := a.w.faults.staged(); err != nil {
			return err
		}
	}
	var n int
	if _, err := fmt.Sscanf(store, "dst%d", &n); err != nil {
		return err
	}
	return do(a.w.dsts[n])
}

func (a *fakeAgent) Begin(ctx context.Context, req control.BeginRequest) (begun control.Begun, err error) {
	err = a.staged(ctx, req.Store, func(b *tracked) error {
		kept, lost := b.Keeps(req.Metadata)
		begun.Lost = lost
		begun.Upload, err = b.Begin(ctx, req.Key, req.Size, kept)
		return err
	})
	return begun, a.lose(err)
}

func (a *fakeAgent) Uploads(ctx context.Context, req control.UploadsRequest) (ups []objstore.Upload, err error) {
	err = a.staged(ctx, req.Store, func(b *tracked) error {
		ups, err = b.Uploads(ctx, req.Key, req.Since)
		return err
	})
	return ups, err
}

func (a *fakeAgent) Sweep(ctx context.Context, req control.SweepRequest) error {
	if err := a.answer(ctx); err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscanf(req.Store, "dst%d", &n); err != nil {
		return err
	}
	return a.lose(objstore.Sweep(ctx, a.w.dsts[n].Bucket, req.Dirs))
}

func (a *fakeAgent) Renew(context.Context, map[string]objstore.Config) error { return nil }

func (a *fakeAgent) Commit(ctx context.Context, req control.CommitRequest) (control.Committed, error) {
	err := a.staged(ctx, req.Store, func(b *tracked) error {
		_, err := b.Commit(ctx, req.Upload, req.Parts, req.Upload.Size, req.Digest)
		return err
	})
	return control.Committed{Verified: control.VerifiedStore}, a.lose(err)
}

func (a *fakeAgent) Abort(ctx context.Context, req control.UploadRequest) error {
	return a.lose(a.staged(ctx, req.Store, func(b *tracked) error { return b.Abort(ctx, req.Upload) }))
}

func (a *fakeAgent) Parts(ctx context.Context, req control.UploadRequest) (refs []objstore.PartRef, err error) {
	err = a.staged(ctx, req.Store, func(b *tracked) error {
		refs, err = b.Parts(ctx, req.Upload)
		return err
	})
	return refs, a.lose(err)
}
