package sink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/budget"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/file"
	"github.com/skyctl/skyctl/agent/objstore/mem"
	"github.com/skyctl/skyctl/agent/wire"
)

// store is a bucket with one difference.
type store struct {
	objstore.Bucket
	buffered bool
	before   func(context.Context) error // a Put
	after    func(objstore.Object) error // a Put
	part     func(objstore.PartRef) objstore.PartRef
}

func (s *store) Limits() objstore.Limits { return objstore.Limits{Buffered: s.buffered} }

func (s *store) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return objstore.Object{}, err
		}
	}
	o, err := s.Bucket.Put(ctx, key, body, meta)
	if err == nil && s.after != nil {
		err = s.after(o)
	}
	return o, err
}

func (s *store) WritePart(ctx context.Context, up objstore.Upload, p objstore.Part, body objstore.Body) (objstore.PartRef, error) {
	ref, err := s.Bucket.WritePart(ctx, up, p, body)
	if err == nil && s.part != nil {
		ref = s.part(ref)
	}
	return ref, err
}

func memory(t *testing.T) *store {
	b, err := mem.Open(t.Context(), objstore.Config{Bucket: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return &store{Bucket: b}
}

func directory(t *testing.T) *store {
	b, err := file.Open(t.Context(), objstore.Config{Bucket: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return &store{Bucket: b}
}

const total = 8 << 20

func sinkInto(b objstore.Bucket) (*Sink, *budget.Budget) {
	memory := budget.New(total)
	return New(Config{
		Store:    func(string) (objstore.Bucket, error) { return b, nil },
		Budget:   func() *budget.Budget { return memory },
		ReadBack: func() bool { return false },
	}), memory
}

func whole(n int) Chunk { return Chunk{Length: int64(n), Dest: wire.Dest{Key: "k"}} }

// send writes data in frames, as a relay does, into a buffer that it uses
// again.
func send(p *Part, data []byte) error {
	buf := make([]byte, wire.MaxData)
	for r := bytes.NewReader(data); r.Len() > 0; {
		n, err := r.Read(buf)
		if err == nil {
			err = p.Write(buf[:n])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func content(t *testing.T, b objstore.Bucket, key string) []byte {
	t.Helper()
	o, err := b.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := b.Open(t.Context(), key, o.Version, chunk.Range{Length: o.Size})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A body that goes through memory and one that is streamed.
const short, long = 1000, streamAbove + 3*wire.MaxData/2

func TestOnlyWhatWasSentBecomesVisible(t *testing.T) {
	for _, c := range []struct {
		name     string
		announce int
		sent     []byte
		digest   func(chunk.Digest) chunk.Digest
		refused  string
	}{
		{"all of it", 0, nil, nil, ""},
		{"nothing, as announced", 0, []byte{}, nil, ""},
		{"wrong digest", 0, nil, func(d chunk.Digest) chunk.Digest { return d + 1 }, "CRC32C"},
		{"too short", 1, nil, nil, "arrived"},
		{"too long", -1, nil, nil, "more than"},
	} {
		for _, size := range []int{short, long} {
			for name, open := range map[string]func(*testing.T) *store{"memory": memory, "file": directory,
				"buffered": func(t *testing.T) *store { s := memory(t); s.buffered = true; return s }} {
				t.Run(c.name+"/"+name, func(t *testing.T) {
					b := open(t)
					s, used := sinkInto(b)
					before := []byte("what was there before")
					if _, err := b.Put(t.Context(), "k", objstore.Body{Size: int64(len(before)), Bytes: before, Digest: chunk.Sum(before)}, objstore.Metadata{}); err != nil {
						t.Fatal(err)
					}
					data := c.sent
					if data == nil {
						data = bytes.Repeat([]byte("0123456789"), size/10)
					}
					p, err := s.Open(t.Context(), whole(len(data)+c.announce))
					if err != nil {
						t.Fatal(err)
					}
					digest := chunk.Sum(data)
					if c.digest != nil {
						digest = c.digest(digest)
					}
					var w Written
					if err = send(p, data); err == nil {
						w, err = p.Finish(digest)
					}
					p.Release()
					want := data
					if c.refused != "" {
						want = before
						if objstore.KindOf(err) != objstore.KindCorrupt || !strings.Contains(err.Error(), c.refused) {
							t.Errorf("%v, want %q", err, c.refused)
						}
					} else if err != nil || w.Verified == wire.VerifiedNot {
						t.Errorf("%+v, %v", w, err)
					}
					if got := content(t, b, "k"); !bytes.Equal(got, want) {
						t.Errorf("the object has %d bytes, %.30q", len(got), got)
					}
					if used.Used() != 0 {
						t.Errorf("%d bytes are still charged", used.Used())
					}
				})
			}
		}
	}
}

// TestAReleasedPartLeavesNothing: the sender gave up after the last byte, and
// before it said that it was the last.
func TestAReleasedPartLeavesNothing(t *testing.T) {
	for _, size := range []int{short, long} {
		b := directory(t)
		s, _ := sinkInto(b)
		p, err := s.Open(t.Context(), whole(size))
		if err != nil {
			t.Fatal(err)
		}
		if err := send(p, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		p.Release()
		if err := b.List(t.Context(), "", "", func(o objstore.Object) error { return errors.New(o.Key) }); err != nil {
			t.Errorf("of %d bytes there is %v", size, err)
		}
	}
}

func TestAPartIsComparedWithWhatTheStoreTook(t *testing.T) {
	b := memory(t)
	s, _ := sinkInto(b)
	up, err := b.Begin(t.Context(), "k", 2*long, objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("x"), long)
	write := func() (Written, error) {
		p, err := s.Open(t.Context(), Chunk{Index: 1, Offset: long, Length: long, Dest: wire.Dest{Key: "k", Upload: &up}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Release()
		if err := send(p, data); err != nil {
			t.Fatal(err)
		}
		return p.Finish(chunk.Sum(data))
	}
	if w, err := write(); err != nil || w.Token == "" {
		t.Errorf("%+v, %v", w, err)
	}
	b.part = func(ref objstore.PartRef) objstore.PartRef {
		other := chunk.Sum([]byte("y"))
		ref.Digest = &other
		return ref
	}
	if _, err := write(); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("the store took other bytes: %v", err)
	}
	if n := s.Chunks.Load(); n != 1 {
		t.Errorf("%d chunks count as written", n)
	}
}

// A put that timed out and was repeated may come after what repeated it.
func TestWhatIsPutAgainMeanwhileMayBeRepeated(t *testing.T) {
	b := memory(t)
	s, _ := sinkInto(b)
	s.cfg.ReadBack = func() bool { return true }
	data := []byte("data")
	b.after = func(objstore.Object) error {
		_, err := b.Bucket.Put(t.Context(), "k", objstore.Body{Reader: bytes.NewReader(data), Size: int64(len(data))}, objstore.Metadata{})
		return err
	}
	p, err := s.Open(t.Context(), whole(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	if err := send(p, data); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(chunk.Sum(data)); !objstore.KindOf(err).Retryable() {
		t.Errorf("%v is not retried", err)
	}
}

func TestAStoreThatFailsStopsItsSender(t *testing.T) {
	b := memory(t)
	full := &objstore.Error{Op: "put", Kind: objstore.KindQuota}
	b.before = func(context.Context) error { return full }
	for _, size := range []int{short, long} {
		s, _ := sinkInto(b)
		p, err := s.Open(t.Context(), whole(size))
		if err != nil {
			t.Fatal(err)
		}
		if err = send(p, make([]byte, size)); err == nil {
			_, err = p.Finish(chunk.Sum(make([]byte, size)))
		}
		p.Release()
		if !errors.Is(err, full) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestAPutEndsWithItsContext(t *testing.T) {
	for _, size := range []int{short, long} {
		synctest.Test(t, func(t *testing.T) {
			b := memory(t)
			b.before = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			s, used := sinkInto(b)
			ctx, cancel := context.WithCancel(t.Context())
			p, err := s.Open(ctx, whole(size))
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Minute, cancel)
			if err = send(p, make([]byte, size)); err == nil {
				_, err = p.Finish(chunk.Sum(make([]byte, size)))
			}
			p.Release()
			if !errors.Is(err, context.Canceled) || used.Used() != 0 {
				t.Errorf("%v; %d bytes are still charged", err, used.Used())
			}
		})
	}
}

func TestMemoryIsWaitedForAndNotForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory(t)
		b.buffered = true
		s, used := sinkInto(b)
		open := func() (*Part, time.Duration, error) {
			start := time.Now()
			p, err := s.Open(t.Context(), whole(total/2+1))
			return p, time.Since(start), err
		}
		first, _, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if _, took, err := open(); took != memoryWithin || objstore.KindOf(err) != objstore.KindThrottled {
			t.Errorf("after %v: %v", took, err)
		}
		time.AfterFunc(time.Second, first.Release)
		second, took, err := open()
		if err != nil || took != time.Second {
			t.Fatalf("memory was free after 1s, and given after %v: %v", took, err)
		}
		second.Release()
		if used.Used() != 0 {
			t.Errorf("%d bytes are still charged", used.Used())
		}
		if _, err := s.Open(t.Context(), whole(total+1)); objstore.KindOf(err) != objstore.KindQuota {
			t.Errorf("a part larger than the budget: %v", err)
		}
	})
}
