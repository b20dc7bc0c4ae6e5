// Package answers tests what a provider makes of answers that no real server
// gives when it is asked to: refusals of every kind, listings that break off,
// reads that are not what was asked for. The provider's own fake gives them.
// Only tests import it.
package answers

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/port"
)

// Fake is a fake store, and a bucket that the provider opened there.
type Fake struct {
	Bucket objstore.Bucket
	// Answer gives the answers of which answer says that it gave them; the fake
	// gives the others.
	Answer func(answer func(http.ResponseWriter, *http.Request) bool)
	// Requests is how many there were.
	Requests func() int
}

// RequestID is what fakes answer every request with.
const RequestID = "REQ1"

// Call is one operation on the object "key".
type Call struct {
	Name string
	Do   func(context.Context, objstore.Bucket) error
}

// The calls that fakes are asked.
var (
	Put = Call{"Put", func(ctx context.Context, b objstore.Bucket) error {
		data := []byte("x")
		_, err := b.Put(ctx, "key", objstore.Body{Size: 1, Bytes: data, Digest: chunk.Sum(data)}, objstore.Metadata{})
		return err
	}}
	Stat = Call{"Stat", func(ctx context.Context, b objstore.Bucket) error {
		_, err := b.Stat(ctx, "key")
		return err
	}}
	Open = Call{"Open", func(ctx context.Context, b objstore.Bucket) error {
		r, _, err := b.Open(ctx, "key", "", chunk.Range{Length: 1})
		if err == nil {
			err = r.Close()
		}
		return err
	}}
)

// Refusal is an answer and what it means.
type Refusal struct {
	Status  int
	Code    string
	Message string // "because" if empty
	Want    objstore.Kind
}

// Refusals: what a store says becomes a kind, one line that has it, and the
// request's id. refuse writes an answer in the store's form.
func Refusals(t *testing.T, start func(*testing.T) Fake, refuse func(w http.ResponseWriter, status int, code, message string), calls []Call, refusals []Refusal) {
	for _, r := range refusals {
		r.Message = cmp.Or(r.Message, "because")
		t.Run(r.Code+" "+r.Message, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			f.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
				refuse(w, r.Status, r.Code, r.Message+"\nand more")
				return true
			})
			for _, call := range calls {
				err := call.Do(t.Context(), f.Bucket)
				var e *objstore.Error
				if !errors.As(err, &e) || e.Kind != r.Want || e.RequestID != RequestID || !strings.EqualFold(e.Op, call.Name) {
					t.Errorf("%s: got %#v", call.Name, err)
					continue
				}
				said := err.Error()
				if !strings.Contains(said, r.Code) || !strings.Contains(said, r.Message+" and more") || !strings.HasSuffix(said, " (request "+RequestID+")") || strings.Contains(said, "\n") {
					t.Errorf("%s: error %q", call.Name, said)
				}
			}
		})
	}
}

// Unreachable: nobody listens. open opens a bucket at an endpoint.
func Unreachable(t *testing.T, open func(endpoint string) objstore.Bucket) {
	held, err := port.Hold("127.0.0.1")
	if err == nil {
		err = held.CloseTCP()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	b := open("http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(held.Number)))
	_, check := b.Check(t.Context())
	for _, err := range []error{check, Put.Do(t.Context(), b)} {
		if objstore.KindOf(err) != objstore.KindUnreachable || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("got %v", err)
		}
	}
}

// Patience is how long a bucket given to Silent waits for an answer to Check.
const Patience = 100 * time.Millisecond

// Silent: somebody listens and says nothing.
func Silent(t *testing.T, f Fake) {
	f.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	})
	if _, err := f.Bucket.Check(t.Context()); objstore.KindOf(err) != objstore.KindUnreachable || !strings.Contains(err.Error(), "no answer within "+Patience.String()) {
		t.Errorf("got %v", err)
	}
}

// ListNeverEndsShort: whatever goes wrong behind the first page is an error,
// after what was listed until then. start's bucket has the four objects a, b, c
// and d, listed two at a time; later tells that a request is for another page
// than the first.
func ListNeverEndsShort(t *testing.T, start func(*testing.T) Fake, later func(*http.Request) bool, answers map[string]func(http.ResponseWriter)) {
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			f.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				if !later(r) {
					return false
				}
				answer(w)
				return true
			})
			n := 0
			err := f.Bucket.List(t.Context(), "", "", func(objstore.Object) error { n++; return nil })
			var e *objstore.Error
			if !errors.As(err, &e) || n < 2 || n > 3 {
				t.Errorf("%d objects and error %v, want 2 or 3 of 4 and an error", n, err)
			}
		})
	}
}

// Read is an answer to a request for four bytes from the third of ten.
type Read struct {
	Name   string
	Header map[string]string
	Status int
	Body   string
	Want   objstore.Kind
}

// WrongReads: stores, and proxies before them, that ignore the headers of a
// read. start returns the version that is asked for, and version is the header
// by which the store says it; other is another one.
func WrongReads(t *testing.T, start func(*testing.T) (Fake, objstore.Version), version, other string, more []Read) {
	for _, c := range append([]Read{
		{"another version", map[string]string{version: other, "Content-Range": "bytes 2-5/10"}, 206, "2345", objstore.KindPrecondition},
		{"another range", map[string]string{"Content-Range": "bytes 3-6/10"}, 206, "3456", objstore.KindUnsupported},
		{"a shorter object", map[string]string{"Content-Range": "bytes 2-3/4"}, 206, "23", objstore.KindPrecondition},
		{"no sense", map[string]string{"Content-Range": "lines 2-5"}, 206, "2345", objstore.KindUnknown},
	}, more...) {
		t.Run(c.Name, func(t *testing.T) {
			f, asked := start(t)
			f.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set(version, string(asked))
				for name, value := range c.Header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.Status)
				io.WriteString(w, c.Body)
				return true
			})
			r, _, err := f.Bucket.Open(t.Context(), "key", asked, chunk.Range{Offset: 2, Length: 4})
			if err == nil {
				if _, err = io.ReadAll(r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%v is not io.ErrUnexpectedEOF", err)
				}
				r.Close()
			}
			if err == nil || objstore.KindOf(err) != c.Want {
				t.Errorf("got %v, want %v", err, c.Want)
			}
		})
	}
}

// FewRetries: a store that is down costs seconds and so many attempts, and one
// hiccup nothing. refuse says that the store is overloaded.
func FewRetries(t *testing.T, f Fake, attempts int, refuse func(http.ResponseWriter)) {
	failures := 0
	f.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		if failures == 0 {
			return false
		}
		failures--
		refuse(w)
		return true
	})
	for _, call := range []Call{Put, Stat, Open} {
		failures = 1
		if err := call.Do(t.Context(), f.Bucket); err != nil {
			t.Errorf("%s: one refusal: %v", call.Name, err)
		}
		failures = 1000
		before := f.Requests()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := call.Do(ctx, f.Bucket); objstore.KindOf(err) != objstore.KindThrottled || ctx.Err() != nil {
			t.Errorf("%s: a store that is down: %v", call.Name, err)
		}
		cancel()
		if n := f.Requests() - before; n != attempts {
			t.Errorf("%s: %d attempts, want %d", call.Name, n, attempts)
		}
	}
}
