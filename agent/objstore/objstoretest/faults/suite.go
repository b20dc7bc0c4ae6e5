package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// Requests tell the requests of a store apart.
type Requests struct {
	Read     func(*http.Request) bool // of an object's bytes
	Put      func(*http.Request) bool // of a whole object
	Later    func(*http.Request) bool // of objects behind the first page of a listing
	Commit   func(*http.Request) bool // that makes the object of a staged write
	PageSize int                      // keys in a page
}

// Run breaks a provider's requests in every way, and holds it to the contract:
// what was broken is an error of the right kind, or done all the same; never a
// short read, a short listing, a lost object or an endless wait.
//
// open returns a bucket behind the proxy that gives up a connection which
// stands still for so long.
func Run(t *testing.T, p *Proxy, open func(t *testing.T, patience time.Duration) objstore.Bucket, requests Requests) {
	for _, c := range []struct {
		name string
		test func(*run)
	}{
		{"BrokenReads", testBrokenReads},
		{"Bursts", testBursts},
		{"Outage", testOutage},
		{"BrokenPut", testBrokenPut},
		{"LostReplyToPut", testLostReplyToPut},
		{"LostReplyToCommit", testLostReplyToCommit},
		{"SecondPage", testSecondPage},
	} {
		t.Run(c.name, func(t *testing.T) {
			opened := func(patience time.Duration) objstore.Bucket {
				b := open(t, patience)
				t.Cleanup(func() {
					if err := b.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				return b
			}
			r := &run{T: t, ctx: t.Context(), b: opened(time.Minute), hasty: opened(time.Second), p: p, requests: requests, prefix: c.name + "/"}
			t.Cleanup(func() { p.Inject(Fault{}) })
			c.test(r)
		})
	}
}

type run struct {
	*testing.T
	ctx      context.Context
	b        objstore.Bucket // which waits out a busy machine
	hasty    objstore.Bucket // for what stands still
	p        *Proxy
	requests Requests
	prefix   string
}

func body(data []byte) objstore.Body {
	return objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}
}

func content(n int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n] }

func (r *run) put(key string, data []byte) {
	r.Helper()
	if _, err := r.b.Put(r.ctx, key, body(data), objstore.Metadata{}); err != nil {
		r.Fatal(err)
	}
}

func (r *run) read(b objstore.Bucket, key string, size int) ([]byte, error) {
	rd, _, err := b.Open(r.ctx, key, "", chunk.Range{Length: int64(size)})
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	return io.ReadAll(rd)
}

func (r *run) wantContent(key string, data []byte) {
	r.Helper()
	r.p.Inject(Fault{})
	if got, err := r.read(r.b, key, len(data)); err != nil || !bytes.Equal(got, data) {
		r.Errorf("%s has %d bytes, %v; want the %d that were written", key, len(got), err, len(data))
	}
}

// wantHit makes sure that a test has tested something.
func (r *run) wantHit() {
	r.Helper()
	if r.p.Hits() == 0 {
		r.Error("no request was broken")
	}
}

// testBrokenReads: a body that does not arrive whole is an error, wherever it
// ends and however. A provider may ask again for the rest.
func testBrokenReads(r *run) {
	const size = 3 << 20
	data := content(size)
	r.put(r.prefix+"object", data)
	for name, c := range map[string]struct {
		b  objstore.Bucket
		do Action
	}{
		"reset at once": {r.b, Reset(0)}, "reset": {r.b, Reset(size / 2)}, "reset before the last byte": {r.b, Reset(size - 1)},
		"truncated": {r.b, Truncate(size / 2)}, "truncated at once": {r.b, Truncate(0)},
		"stalled": {r.hasty, r.p.Stall(size / 2)}, "stalled at once": {r.hasty, r.p.Stall(0)}, "silent": {r.hasty, r.p.Silence()},
	} {
		r.p.Inject(Fault{Match: r.requests.Read, Do: c.do})
		start := time.Now()
		got, err := r.read(c.b, r.prefix+"object", size)
		// Who asked for the rest may have got it before the last fault.
		if kind := objstore.KindOf(err); kind != objstore.KindTransient && !(err == nil && len(got) == size) {
			r.Errorf("%s: %d bytes, error %v of kind %q", name, len(got), err, kind)
		}
		if !bytes.HasPrefix(data, got) {
			r.Errorf("%s: the bytes before the end are wrong", name)
		}
		if took := time.Since(start); took > time.Minute {
			r.Errorf("%s: it took %v to notice", name, took)
		}
		r.wantHit()
	}
	r.wantContent(r.prefix+"object", data)
}

// testBursts: what lasts for one or two requests is smoothed out.
func testBursts(r *run) {
	data := content(1000)
	r.put(r.prefix+"object", data)
	for name, do := range map[string]Action{
		"500": Answer(http.StatusInternalServerError, "text/plain", "oops"), "503": Answer(http.StatusServiceUnavailable, "text/plain", "busy"),
		"reset": Reset(0),
	} {
		for op, call := range map[string]func() error{
			"Stat": func() error { _, err := r.b.Stat(r.ctx, r.prefix+"object"); return err },
			"Open": func() error { _, err := r.read(r.b, r.prefix+"object", 1000); return err },
			"List": func() error {
				return r.b.List(r.ctx, r.prefix, "", func(objstore.Object) error { return nil })
			},
			"Delete": func() error { return r.b.Delete(r.ctx, r.prefix+"nothing") },
		} {
			if name == "reset" && op == "Open" {
				continue // its headers may have arrived: testBrokenReads
			}
			r.p.Inject(Fault{Times: 2, Do: do})
			if err := call(); err != nil {
				r.Errorf("%s with %s twice: %v", op, name, err)
			}
			r.wantHit()
		}
	}
}

// testOutage: what lasts is an error in seconds, and says what it is.
func testOutage(r *run) {
	for want, status := range map[objstore.Kind]int{objstore.KindTransient: http.StatusInternalServerError, objstore.KindThrottled: http.StatusServiceUnavailable} {
		r.p.Inject(Fault{Do: Answer(status, "text/plain", "still")})
		ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
		_, err := r.b.Stat(ctx, r.prefix+"object")
		if objstore.KindOf(err) != want || ctx.Err() != nil {
			r.Errorf("status %d: %v", status, err)
		}
		cancel()
	}
}

// testBrokenPut: an object whose bytes did not arrive is not there, and what
// was there before still is.
func testBrokenPut(r *run) {
	old, data := content(500), content(2<<20)
	for name, c := range map[string]struct {
		b  objstore.Bucket
		do Action
	}{"reset": {r.b, RefuseBody(1 << 20)}, "silent": {r.hasty, r.p.Silence()}} {
		r.put(r.prefix+"old", old)
		r.p.Inject(Fault{Match: r.requests.Put, Do: c.do})
		for _, key := range []string{"old", "new"} {
			if _, err := c.b.Put(r.ctx, r.prefix+key, body(data), objstore.Metadata{}); objstore.KindOf(err) != objstore.KindTransient {
				r.Errorf("%s: Put says %v", name, err)
			}
		}
		r.wantHit()
		r.wantContent(r.prefix+"old", old)
		if _, err := r.b.Stat(r.ctx, r.prefix+"new"); objstore.KindOf(err) != objstore.KindNotFound {
			r.Errorf("%s: Stat of what was not put: %v", name, err)
		}
	}
}

// testLostReplyToPut: putting the same bytes again is harmless, so a Put that
// says it is not done may be repeated.
func testLostReplyToPut(r *run) {
	data := content(1000)
	r.p.Inject(Fault{Match: r.requests.Put, Times: 1, Do: LoseReply})
	if _, err := r.b.Put(r.ctx, r.prefix+"object", body(data), objstore.Metadata{}); err != nil {
		if !objstore.KindOf(err).Retryable() {
			r.Errorf("Put: %v", err)
		}
		r.put(r.prefix+"object", data)
	}
	r.wantHit()
	r.wantContent(r.prefix+"object", data)
}

// testLostReplyToCommit: done is done, at once or when asked again.
func testLostReplyToCommit(r *run) {
	partSize := max(r.b.Limits().MinPart, 100_000)
	data := content(int(partSize) + 1000)
	up, err := r.b.Begin(r.ctx, r.prefix+"object", int64(len(data)), objstore.Metadata{})
	if err != nil {
		r.Fatal(err)
	}
	var refs []objstore.PartRef
	for i, c := range chunk.Split(int64(len(data)), partSize) {
		ref, err := r.b.WritePart(r.ctx, up, objstore.Part{Number: i, Offset: c.Offset}, body(data[c.Offset:c.End()]))
		if err != nil {
			r.Fatal(err)
		}
		refs = append(refs, ref)
	}
	r.p.Inject(Fault{Match: r.requests.Commit, Times: 1, Do: LoseReply})
	obj, err := r.b.Commit(r.ctx, up, refs, up.Size, chunk.Sum(data))
	if err != nil {
		if !objstore.KindOf(err).Retryable() {
			r.Errorf("Commit whose reply is lost: %v", err)
		}
		obj, err = r.b.Commit(r.ctx, up, refs, up.Size, chunk.Sum(data))
	}
	if err != nil || obj.Size != int64(len(data)) {
		r.Errorf("Commit once more: %+v, %v", obj, err)
	}
	r.wantHit()
	r.wantContent(r.prefix+"object", data)
}

// testSecondPage: a listing that breaks behind its first page is an error and
// goes on from there.
func testSecondPage(r *run) {
	n := r.requests.PageSize + 10
	key := func(i int) string { return fmt.Sprintf("%sobject-%05d", r.prefix, i) }
	// The second that r.hasty waits is little on a machine where much else runs:
	// what that breaks, and no fault, is repeated.
	patiently := func(do func() error) error {
		for {
			err := do()
			if err == nil || !objstore.KindOf(err).Retryable() || r.p.Hits() > 0 || r.ctx.Err() != nil {
				return err
			}
		}
	}
	r.p.Inject(Fault{})
	var group errgroup.Group
	group.SetLimit(32)
	for i := range n {
		group.Go(func() error {
			_, err := r.b.Put(r.ctx, key(i), body(nil), objstore.Metadata{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	for name, c := range map[string]struct {
		b  objstore.Bucket
		do Action
	}{
		"500": {r.b, Answer(http.StatusInternalServerError, "text/plain", "oops")}, "403": {r.b, Answer(http.StatusForbidden, "text/plain", "no more")},
		"an empty object": {r.b, Answer(http.StatusOK, "application/json", "{}")}, "nothing": {r.b, Answer(http.StatusOK, "text/plain", "")},
		"a web page": {r.b, Answer(http.StatusOK, "text/html", "<html><body>Sign in</body></html>")},
		"reset":      {r.b, Reset(100)}, "truncated": {r.b, Truncate(100)}, "stalled": {r.hasty, r.p.Stall(100)},
	} {
		r.p.Inject(Fault{Match: r.requests.Later, Do: c.do})
		count, last := 0, ""
		err := patiently(func() error {
			return c.b.List(r.ctx, r.prefix, last, func(o objstore.Object) error {
				if o.Key != key(count) {
					return fmt.Errorf("object %d is %s", count, o.Key)
				}
				count, last = count+1, o.Key
				return nil
			})
		})
		if err == nil || count != r.requests.PageSize {
			r.Errorf("%s: %d objects and error %v, want %d and one", name, count, err, r.requests.PageSize)
		}
		r.wantHit()
		r.p.Inject(Fault{})
		err = r.b.List(r.ctx, r.prefix, last, func(o objstore.Object) error {
			count, last = count+1, o.Key
			return nil
		})
		if err != nil || count != n {
			r.Errorf("%s: gone on to %d objects, %v", name, count, err)
		}
	}
}
