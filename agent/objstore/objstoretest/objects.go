package objstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func testObjects(s *suite) {
	if _, err := s.b.Check(s.ctx); err != nil {
		s.Errorf("Check: %v", err)
	}
	s.wantMissing(s.prefix + "nothing")
	for i, size := range []int64{0, 1, 4096, 300_001} {
		key := fmt.Sprint(s.prefix, size)
		data := content(uint64(i), size)
		put := s.put(key, data)
		if stat := s.wantContent(key, data); stat.Version != put.Version {
			s.Errorf("%s: Put says version %s, Stat %s", key, put.Version, stat.Version)
		}
		s.put(key, data) // the same bytes again
		s.wantContent(key, data)
		replaced := content(uint64(i)+100, size+1)
		s.put(key, replaced)
		s.wantContent(key, replaced)
	}
}

func testRanges(s *suite) {
	const size = 100_000
	data := content(1, size)
	key := s.prefix + "object"
	version := s.put(key, data).Version
	for _, r := range []chunk.Range{
		{Offset: 0, Length: 1}, {Offset: 0, Length: size}, {Offset: 1, Length: size - 1}, {Offset: size - 1, Length: 1},
		{Offset: 4096, Length: 8192}, {Offset: size, Length: 0}, {Offset: 0, Length: 0},
	} {
		body, obj, err := s.b.Open(s.ctx, key, version, r)
		if err != nil {
			s.Errorf("Open of %+v: %v", r, err)
			continue
		}
		if obj.Size != size {
			s.Errorf("Open of %+v says that the object has %d bytes", r, obj.Size)
		}
		if got, err := readAll(body); err != nil || !bytes.Equal(got, data[r.Offset:r.End()]) {
			s.Errorf("range %+v: %d bytes, %v", r, len(got), err)
		}
	}
	for _, r := range []chunk.Range{{Offset: 0, Length: size + 1}, {Offset: size, Length: 1}, {Offset: size + 10, Length: 10}, {Offset: size - 1, Length: 2}} {
		_, _, err := s.b.Open(s.ctx, key, version, r)
		s.wantKind(err, objstore.KindPrecondition)
	}
}

func testVersions(s *suite) {
	key := s.prefix + "object"
	first := s.put(key, content(1, 1000))
	for i := range 5 {
		second := s.put(key, content(uint64(2+i), 1000))
		if second.Version == first.Version {
			s.Errorf("the replaced object has version %s too", first.Version)
		}
		_, _, err := s.b.Open(s.ctx, key, first.Version, chunk.Range{Length: 1000})
		s.wantKind(err, objstore.KindPrecondition)
		_, _, err = s.b.Open(s.ctx, key, first.Version, chunk.Range{Offset: 10, Length: 10})
		s.wantKind(err, objstore.KindPrecondition)
		first = second
	}
	err := s.b.List(s.ctx, key, "", func(o objstore.Object) error {
		if o.Version != first.Version || o.Size != 1000 {
			s.Errorf("List says version %s and %d bytes, Put %s", o.Version, o.Size, first.Version)
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
	if err := s.b.Delete(s.ctx, key); err != nil {
		s.Error(err)
	}
	_, _, err = s.b.Open(s.ctx, key, first.Version, chunk.Range{Length: 1000})
	s.wantKind(err, objstore.KindNotFound, objstore.KindPrecondition)
}

// testReplacedWhileRead: a reader gets one version whole, or an error.
func testReplacedWhileRead(s *suite) {
	const size = 8 << 20
	key := s.prefix + "object"
	old := content(1, size)
	version := s.put(key, old).Version
	r, _, err := s.b.Open(s.ctx, key, version, chunk.Range{Length: size})
	if err != nil {
		s.Fatal(err)
	}
	head := make([]byte, 64<<10)
	if _, err := io.ReadFull(r, head); err != nil {
		s.Fatal(err)
	}
	replaced := make(chan error, 1)
	go func() {
		_, err := s.b.Put(s.ctx, key, body(content(2, size)), objstore.Metadata{})
		replaced <- err
	}()
	// Some stores (MinIO) let nobody write while somebody reads.
	select {
	case err := <-replaced:
		replaced <- err
	case <-time.After(2 * time.Second):
	}
	rest, err := readAll(r)
	if putErr := <-replaced; putErr != nil {
		s.Errorf("Put: %v", putErr)
	}
	if err == nil && !bytes.Equal(append(head, rest...), old) {
		s.Error("the reader yielded a mixture of two versions, and no error")
	}
}

func testDelete(s *suite) {
	key := s.prefix + "object"
	s.put(key, content(1, 10))
	s.put(key+"-neighbour", content(2, 10))
	for range 2 {
		if err := s.b.Delete(s.ctx, key); err != nil {
			s.Errorf("Delete: %v", err)
		}
		s.wantMissing(key)
	}
	s.wantContent(key+"-neighbour", content(2, 10))
}

func testRefusedPut(s *suite) {
	old := content(1, 1000)
	s.put(s.prefix+"old", old)
	wrong := body(content(2, 1000))
	wrong.Digest++
	short := body(content(2, 1000))
	short.Size++
	for _, key := range []string{s.prefix + "old", s.prefix + "new"} {
		_, err := s.b.Put(s.ctx, key, wrong, objstore.Metadata{})
		s.wantKind(err, objstore.KindCorrupt)
		_, err = s.b.Put(s.ctx, key, short, objstore.Metadata{})
		s.wantKind(err, objstore.KindInvalid)
		_, err = s.b.Put(s.ctx, key, objstore.Body{Size: 1}, objstore.Metadata{})
		s.wantKind(err, objstore.KindInvalid)
	}
	s.wantContent(s.prefix+"old", old)
	s.wantMissing(s.prefix + "new")
	if keys := s.list(s.prefix); len(keys) != 1 {
		s.Errorf("listed are %q", keys)
	}
}

// testShortBody gives bodies as streams, where the store takes them.
func testShortBody(s *suite) {
	data := content(1, 700_000)
	if s.b.Limits().Buffered {
		_, err := s.b.Put(s.ctx, s.prefix+"stream", objstore.Body{Size: 10, Reader: bytes.NewReader(data)}, objstore.Metadata{})
		s.wantKind(err, objstore.KindUnsupported)
		s.wantMissing(s.prefix + "stream")
		return
	}
	key := s.prefix + "object"
	if _, err := s.b.Put(s.ctx, key, objstore.Body{Size: 700_000, Reader: bytes.NewReader(data)}, objstore.Metadata{}); err != nil {
		s.Fatal(err)
	}
	s.wantContent(key, data)
	broken := errors.New("the stream broke")
	for _, r := range []io.Reader{bytes.NewReader(data[:699_999]), io.MultiReader(bytes.NewReader(data[:300_000]), failing{broken})} {
		for _, k := range []string{key, s.prefix + "new"} {
			_, err := s.b.Put(s.ctx, k, objstore.Body{Size: 700_000, Reader: r}, objstore.Metadata{})
			s.wantKind(err, objstore.KindTransient)
		}
	}
	s.wantContent(key, data)
	if keys := s.list(s.prefix); len(keys) != 1 {
		s.Errorf("listed are %q", keys)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func testCancelled(s *suite) {
	key := s.prefix + "object"
	data := content(1, 4<<20)
	s.put(key, data)
	reading, stop := context.WithCancel(s.ctx)
	defer stop()
	r, _, err := s.b.Open(reading, key, "", chunk.Range{Length: int64(len(data))})
	if err != nil {
		s.Fatal(err)
	}
	defer r.Close()
	stop()
	if got, err := io.ReadAll(r); err == nil && len(got) == len(data) {
		s.Log("the reader had buffered the whole object") // allowed
	} else if objstore.KindOf(err) != objstore.KindTransient {
		s.Errorf("reading on after the context's end: %d bytes, %v", len(got), err)
	}
	for name, call := range map[string]func() error{
		"Check":  func() error { _, err := s.b.Check(reading); return err },
		"List":   func() error { return s.b.List(reading, s.prefix, "", func(objstore.Object) error { return nil }) },
		"Stat":   func() error { _, err := s.b.Stat(reading, key); return err },
		"Open":   func() error { _, _, err := s.b.Open(reading, key, "", chunk.Range{Length: 1}); return err },
		"Put":    func() error { _, err := s.b.Put(reading, key+"2", body(data), objstore.Metadata{}); return err },
		"Begin":  func() error { _, err := s.b.Begin(reading, key+"2", 10, objstore.Metadata{}); return err },
		"Delete": func() error { return s.b.Delete(reading, key) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) || objstore.KindOf(err) != objstore.KindTransient {
			s.Errorf("%s with an ended context: %v", name, err)
		}
	}
	s.wantContent(key, data)
	s.wantMissing(key + "2")
}

func testConcurrent(s *suite) {
	var group errgroup.Group
	shared := s.prefix + "shared"
	for i := range 32 {
		group.Go(func() error {
			data := content(uint64(i), int64(1000+i))
			for _, key := range []string{fmt.Sprint(s.prefix, "own/", i), shared} {
				if _, err := s.b.Put(s.ctx, key, body(data), objstore.Metadata{}); err != nil {
					return err
				}
			}
			obj, err := s.b.Stat(s.ctx, fmt.Sprint(s.prefix, "own/", i))
			if err != nil {
				return err
			}
			r, _, err := s.b.Open(s.ctx, obj.Key, obj.Version, chunk.Range{Length: obj.Size})
			if err != nil {
				return err
			}
			if got, err := readAll(r); err != nil || !bytes.Equal(got, data) {
				return fmt.Errorf("object %d: %d bytes, %v", i, len(got), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
	obj, err := s.b.Stat(s.ctx, shared) // one of them, whole
	if err != nil {
		s.Fatal(err)
	}
	s.wantContent(shared, content(uint64(obj.Size-1000), obj.Size))
	if keys := s.list(s.prefix); len(keys) != 33 {
		s.Errorf("listed are %d keys: %q", len(keys), keys)
	}
}
