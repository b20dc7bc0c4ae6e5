package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// half stages the one object of the bench by hand, as an earlier session that
// wrote the given parts and journaled some of them.
func (b *bench) half(size int, written, journaled []int32) objstore.Upload {
	b.t.Helper()
	ctx, d := b.t.Context(), b.dsts[0]
	up, err := d.Begin(ctx, "dst/000", int64(size), objstore.Metadata{})
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := content(ctx, b.src, "src/000")
	if err != nil {
		b.t.Fatal(err)
	}
	err = errors.Join(
		b.journal.Count(journal.CounterSession, 1),
		b.journal.OpenObject(0, testChunk, time.Now()),
		b.journal.Stage(0, 0, up, 0),
	)
	for _, i := range written {
		r := chunk.At(int64(size), testChunk, i)
		part := data[r.Offset:r.End()]
		ref, e := d.WritePart(ctx, up, objstore.Part{Number: i, Offset: r.Offset}, objstore.Body{Size: r.Length, Bytes: part, Digest: chunk.Sum(part)})
		err = errors.Join(err, e)
		if slices.Contains(journaled, i) {
			err = errors.Join(err, b.journal.AddChunk(journal.Chunk{Index: i, Digest: *ref.Digest, Token: ref.Token}),
				b.journal.CountRoute(journal.RouteKey{Reader: "r0"}, r.Length))
		}
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return up
}

// carried is what came by all routes, as the journal has it.
func (b *bench) carried() (sum int64) {
	b.t.Helper()
	routes, err := b.journal.Routes(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, bytes := range routes {
		sum += bytes
	}
	return sum
}

func TestResume(t *testing.T) {
	const size = 5500 // six chunks
	all := []int32{0, 1, 2, 3, 4, 5}
	for _, c := range []struct {
		name               string
		written, journaled []int32
		noList             bool
		meanwhile          func(b *bench, up objstore.Upload) error
		sent               int
		resumed            int64
	}{
		{name: "parts the journal has", written: []int32{0, 3}, journaled: []int32{0, 3}, sent: 4, resumed: 2},
		{name: "parts only the store has", written: []int32{0, 3, 5}, journaled: []int32{3}, sent: 3, resumed: 3},
		{name: "a store that lists nothing", written: []int32{0, 3, 5}, journaled: []int32{3}, noList: true, sent: 5, resumed: 1},
		{name: "everything but the commit", written: all, journaled: all, sent: 0, resumed: 6},
		{name: "a part that was written again since", written: []int32{0, 3}, journaled: []int32{0, 3}, sent: 4, resumed: 2,
			meanwhile: func(b *bench, up objstore.Upload) error { return b.rewrite(up, 3, false) }},
		{name: "a part with other bytes", written: []int32{0, 3}, journaled: []int32{0, 3}, sent: 5, resumed: 1,
			meanwhile: func(b *bench, up objstore.Upload) error { return b.rewrite(up, 3, true) }},
		{name: "an upload that is gone", written: []int32{0, 3}, journaled: []int32{0, 3}, sent: 6, resumed: 0,
			meanwhile: func(b *bench, up objstore.Upload) error { return b.dsts[0].Abort(b.t.Context(), up) }},
		{name: "a commit whose reply was lost", written: all, journaled: all, sent: 0, resumed: 6,
			meanwhile: func(b *bench, up objstore.Upload) error { return b.commit(up) }},
		{name: "a complete upload that is gone", written: all, journaled: all, sent: 6, resumed: 6,
			meanwhile: func(b *bench, up objstore.Upload) error { return b.dsts[0].Abort(b.t.Context(), up) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, size)
				b.dsts[0].noList = c.noList
				up := b.half(size, c.written, c.journaled)
				if c.meanwhile != nil {
					if err := c.meanwhile(b, up); err != nil {
						t.Fatal(err)
					}
				}
				r, err := Run(t.Context(), b.config())
				if err != nil {
					t.Fatal(err)
				}
				b.finished(r)
				sent := 0
				for _, n := range b.sent {
					sent += n
				}
				if sent != c.sent || r.ResumedChunks != c.resumed || r.Counts.Done != 1 {
					t.Errorf("%d chunks sent, %d resumed; want %d, %d; %+v", sent, r.ResumedChunks, c.sent, c.resumed, r.Counts)
				}
				if came := b.carried(); c.meanwhile == nil && came != size {
					t.Errorf("%d bytes came by some route, want %d", came, size)
				}
			})
		})
	}
}

// rewrite writes a part once more, as a late retry does.
func (b *bench) rewrite(up objstore.Upload, i int32, other bool) error {
	data, err := content(b.t.Context(), b.src, "src/000")
	if err != nil {
		return err
	}
	r := chunk.At(int64(len(data)), testChunk, i)
	part := slices.Clone(data[r.Offset:r.End()])
	if other {
		part[0]++
	}
	_, err = b.dsts[0].WritePart(b.t.Context(), up, objstore.Part{Number: i, Offset: r.Offset}, objstore.Body{Size: r.Length, Bytes: part, Digest: chunk.Sum(part)})
	return err
}

func (b *bench) commit(up objstore.Upload) error {
	data, err := content(b.t.Context(), b.src, "src/000")
	if err != nil {
		return err
	}
	refs, err := b.dsts[0].Parts(b.t.Context(), up)
	if err != nil {
		return err
	}
	_, err = b.dsts[0].Commit(b.t.Context(), up, refs, int64(len(data)), chunk.Sum(data))
	return err
}

func TestSweepsWhatAFailedObjectLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 5500, 10)
		b.half(5500, []int32{1}, []int32{1})
		if err := b.journal.Fail(0, 0, journal.Failure{Stage: "read", Kind: objstore.KindNotFound, Message: "gone"}); err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Counts.Failed != 1 || r.Counts.Done != 1 {
			t.Errorf("%+v", r.Counts)
		}
	})
}

// TestWhatCannotBeAborted is said, and does not keep the run from its end.
func TestWhatCannotBeAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 5500)
		b.half(5500, []int32{1}, []int32{1})
		b.dsts[0].stuck = true
		if err := b.journal.Fail(0, 0, journal.Failure{Stage: "read", Kind: objstore.KindNotFound, Message: "gone"}); err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), b.config())
		if err != nil || r.Counts.Failed != 1 || b.count(EventLeftover) == 0 {
			t.Errorf("%v, %+v, %d leftovers", err, r.Counts, b.count(EventLeftover))
		}
	})
}

func TestCancelAbortsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, sizes(30, 9000)...)
		ctx, cancel := context.WithCancelCause(t.Context())
		b.after(60, func() { cancel(errCtrlC) })
		if _, err := Run(ctx, b.config()); !errors.Is(err, errCtrlC) {
			t.Fatal(err)
		}
		staged := b.dsts[0].left() + b.dsts[1].left()
		if staged == 0 {
			t.Fatal("nothing was staged: the test shows nothing")
		}
		b.configure(b.names...)
		b.faults.call = 0.1
		cfg := b.config()
		for range 2 { // a second time nothing is left to do
			err := Cancel(t.Context(), CancelConfig{Journal: b.journal, Fleet: b.world, Dests: cfg.Dests})
			if left := b.dsts[0].left() + b.dsts[1].left(); err != nil || left != 0 {
				t.Errorf("%d of %d left, %v", left, staged, err)
			}
		}
	})
}

// TestStagedWriteWithoutRecord: a crash between Begin and its record leaves a
// staged write that only the store knows of. Whoever comes next, another
// session or Cancel, gives it up, and leaves those of others alone.
func TestStagedWriteWithoutRecord(t *testing.T) {
	for name, next := range map[string]func(b *bench) error{
		"resume": func(b *bench) error {
			r, err := Run(b.t.Context(), b.config())
			if err == nil && r.Counts.Done != 1 {
				err = fmt.Errorf("%+v", r.Counts)
			}
			return err
		},
		"cancel": func(b *bench) error {
			return Cancel(b.t.Context(), CancelConfig{Journal: b.journal, Fleet: b.world, Dests: b.config().Dests})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, 5500)
				ctx, d := t.Context(), b.dsts[0]
				begin := func(key string) objstore.Upload {
					up, err := d.Begin(ctx, key, 5500, objstore.Metadata{})
					if err != nil {
						t.Fatal(err)
					}
					return up
				}
				others := []objstore.Upload{begin("dst/000"), begin("dst/000x")}
				time.Sleep(time.Hour) // of fake time: the first is older than the run
				if err := errors.Join(b.journal.Count(journal.CounterSession, 1), b.journal.OpenObject(0, testChunk, time.Now())); err != nil {
					t.Fatal(err)
				}
				others = append(others, begin("dst/000x"))
				lost := begin("dst/000")
				if err := next(b); err != nil {
					t.Fatal(err)
				}
				if _, err := d.Parts(ctx, lost); objstore.KindOf(err) != objstore.KindNotFound {
					t.Errorf("the staged write that nobody recorded: %v", err)
				}
				for _, up := range others {
					if _, err := d.Parts(ctx, up); err != nil {
						t.Errorf("the staged write of another: %v", err)
					}
				}
			})
		})
	}
}

func TestSourceChecksumDecides(t *testing.T) {
	for _, c := range []struct {
		name   string
		wrong  int // how many of the first readings of chunk 2 are wrong
		failed int64
	}{{"read wrong once", 1, 0}, {"read wrong always", 100, 1}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, 5500, 10)
				wrong := c.wrong
				b.faults.read = func(a control.Assignment, data []byte) {
					if a.Chunk == (chunk.ID{Index: 2}) && wrong > 0 {
						wrong--
						data[0]++
					}
				}
				r, err := Run(t.Context(), b.config())
				if err != nil {
					t.Fatal(err)
				}
				b.finished(r)
				if r.Counts.Failed != c.failed || r.Retries == 0 {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

func TestUnverifiedIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 10, 10)
		b.faults.unverified = true
		r, err := Run(t.Context(), b.config())
		if err != nil || r.Verified {
			t.Errorf("verified %v, %v", r.Verified, err)
		}
	})
}
