package pace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/mem"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func openMem(t *testing.T, name string) objstore.Bucket {
	t.Helper()
	b, err := mem.Open(t.Context(), objstore.Config{Bucket: name})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestContract: a paced bucket is a bucket.
func TestContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return New(openMem(t, "pace/contract")) })
}

// slow is a store that refuses more than a number of requests at once. Each
// takes 100 ms.
type slow struct {
	objstore.Bucket
	most int

	mu                     sync.Mutex
	active, peak, refusals int
}

var errSlowDown = &objstore.Error{Op: "stat", Bucket: "slow", Kind: objstore.KindThrottled, Err: errors.New("SlowDown: please")}

func (s *slow) Stat(ctx context.Context, key string) (objstore.Object, error) {
	s.mu.Lock()
	if s.active == s.most {
		s.refusals++
		s.mu.Unlock()
		return objstore.Object{}, errSlowDown
	}
	s.active++
	s.peak = max(s.peak, s.active)
	s.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	return objstore.Object{Key: key}, nil
}

// TestThrottledStore: all requests are served at last, few are refused once
// the pace is found, and the store is kept busy.
func TestThrottledStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests, askers, most = 2000, 64, 8
		s := &slow{most: most}
		b := New(s)
		start := time.Now()
		var group errgroup.Group
		group.SetLimit(askers)
		for range requests {
			group.Go(func() error {
				_, err := b.Stat(t.Context(), "key")
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		ideal := requests / most * 100 * time.Millisecond
		took := time.Since(start)
		t.Logf("took %v, at best %v; %d refusals", took, ideal, s.refusals)
		if took > 2*ideal {
			t.Errorf("it took %v, the store can do it in %v", took, ideal)
		}
		if s.refusals > requests/4 {
			t.Errorf("%d refusals for %d requests", s.refusals, requests)
		}
	})
}

// TestSpeedsUpAgain: a store that has recovered is asked as before.
func TestSpeedsUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{most: 1}
		b := New(s)
		ask := func(n int) {
			var group errgroup.Group
			for range n {
				group.Go(func() error { _, err := b.Stat(t.Context(), "key"); return err })
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		ask(8)
		s.mu.Lock()
		s.most, s.peak = 64, 0
		s.mu.Unlock()
		for range 50 {
			ask(32)
		}
		if s.peak < 32 {
			t.Errorf("after recovery at most %d of 32 requests are let through at once", s.peak)
		}
	})
}

// refusing refuses the first requests of every kind, and counts them all.
type refusing struct {
	objstore.Bucket
	first int32
	calls atomic.Int32
}

func (r *refusing) refuse() bool { return r.calls.Add(1) <= r.first }

func (r *refusing) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if r.refuse() {
		return objstore.Object{}, errSlowDown
	}
	return r.Bucket.Put(ctx, key, body, meta)
}

func (r *refusing) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	n := 0
	return r.Bucket.List(ctx, prefix, after, func(o objstore.Object) error {
		if n++; n == 3 && r.refuse() {
			return errSlowDown
		}
		return yield(o)
	})
}

// TestListGoesOn: a refused listing continues behind the last key.
func TestListGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := openMem(t, "pace/list")
		var want []string
		for i := range 9 {
			want = append(want, fmt.Sprint("key", i))
			if _, err := inner.Put(t.Context(), want[i], objstore.Body{Bytes: []byte{}}, objstore.Metadata{}); err != nil {
				t.Fatal(err)
			}
		}
		r := &refusing{Bucket: inner, first: 3}
		var got []string
		err := New(r).List(t.Context(), "", "", func(o objstore.Object) error { got = append(got, o.Key); return nil })
		if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("listed are %q, %v", got, err)
		}
		if n := r.calls.Load(); n < 3 {
			t.Errorf("only %d refusals were tried", n)
		}
		// yield's own error is never taken for a refusal
		calls := 0
		err = New(inner).List(t.Context(), "", "", func(objstore.Object) error { calls++; return errSlowDown })
		if err != error(errSlowDown) || calls != 1 {
			t.Errorf("an error of yield: %v after %d calls", err, calls)
		}
	})
}

// TestOnlyWhatCanBeRepeated: a body that was consumed cannot be sent again.
func TestOnlyWhatCanBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := []byte("data")
		r := &refusing{Bucket: openMem(t, "pace/put"), first: 5}
		start := time.Now()
		if _, err := New(r).Put(t.Context(), "key", objstore.Body{Size: 4, Bytes: data, Digest: chunk.Sum(data)}, objstore.Metadata{}); err != nil {
			t.Errorf("bytes: %v", err)
		}
		if r.calls.Load() != 6 || time.Since(start) < time.Second {
			t.Errorf("%d calls within %v", r.calls.Load(), time.Since(start))
		}
		r.calls.Store(0)
		_, err := New(r).Put(t.Context(), "key", objstore.Body{Size: 4, Reader: strings.NewReader("data")}, objstore.Metadata{})
		if objstore.KindOf(err) != objstore.KindThrottled || r.calls.Load() != 1 {
			t.Errorf("a stream: %v after %d calls", err, r.calls.Load())
		}
	})
}

// TestEndsWithItsContext: a store that never lets us in.
func TestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(&slow{most: 0})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				start := time.Now()
				_, err := b.Stat(ctx, "key")
				if !errors.Is(err, context.DeadlineExceeded) || objstore.KindOf(err) == objstore.KindUnknown || time.Since(start) != time.Minute {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
			})
		}
		group.Wait()
	})
}
