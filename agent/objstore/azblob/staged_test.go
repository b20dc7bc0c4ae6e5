package azblob

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/agent/wire"
)

// begun starts a staged write of data in parts of four bytes, and writes them.
func begun(t *testing.T, b *bucket, key, data string) (objstore.Upload, []objstore.PartRef) {
	t.Helper()
	up, err := b.Begin(t.Context(), key, int64(len(data)), objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	var refs []objstore.PartRef
	for i, r := range chunk.Split(int64(len(data)), 4) {
		ref, err := b.WritePart(t.Context(), up, objstore.Part{Number: i, Offset: r.Offset}, bodyOf([]byte(data[r.Offset:r.End()])))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return up, refs
}

func commit(t *testing.T, b *bucket, up objstore.Upload, refs []objstore.PartRef, data string) (objstore.Object, error) {
	t.Helper()
	return b.Commit(t.Context(), up, refs, int64(len(data)), chunk.Sum([]byte(data)))
}

func wantContent(t *testing.T, b *bucket, key, want string) {
	t.Helper()
	r, _, err := b.Open(t.Context(), key, "", chunk.Range{Length: int64(len(want))})
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", key, got, err, want)
	}
}

// testTwoUploadsOfOneBlob: their blocks lie side by side, and never mix.
func testTwoUploadsOfOneBlob(t *testing.T, server objstoretest.AzuriteServer) {
	b := open(t, server.Config(t, "two"))
	const first, second = "first content", "second content"
	upA, refsA := begun(t, b, "key", first)
	upB, refsB := begun(t, b, "key", second)
	for _, up := range []objstore.Upload{upA, upB} {
		if parts, err := b.Parts(t.Context(), up); err != nil || len(parts) != 4 {
			t.Errorf("Parts: %+v, %v", parts, err)
		}
	}
	upC, _ := begun(t, b, "key", "third")
	if err := b.Abort(t.Context(), upC); err != nil { // leaves the others alone
		t.Error(err)
	}
	empty, _ := begun(t, b, "key", "")
	if err := b.Abort(t.Context(), empty); err != nil {
		t.Error(err)
	}
	if obj, err := commit(t, b, empty, nil, ""); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("an upload without parts that was aborted: %+v, %v", obj, err)
	}
	if _, err := commit(t, b, upB, refsA, first); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("the parts of another upload: %v", err)
	}
	obj, err := commit(t, b, upA, refsA, first)
	if err != nil || obj.CRC32C == nil || *obj.CRC32C != chunk.Sum([]byte(first)) {
		t.Errorf("the first: %+v, %v", obj, err)
	}
	if _, err := commit(t, b, upB, refsB, second); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("the second, whose blocks went with the commit of the first: %v", err)
	}
	wantContent(t, b, "key", first)
}

// testChangedSinceBegin: what Begin did not find is not replaced, not even if
// the blocks are still there.
func testChangedSinceBegin(t *testing.T, server objstoretest.AzuriteServer) {
	b := open(t, server.Config(t, "changed"))
	if _, err := b.Put(t.Context(), "key", bodyOf([]byte("old")), objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	up, refs := begun(t, b, "key", "new content")
	value := "x"
	if _, err := b.blob("key").SetMetadata(t.Context(), map[string]*string{"by": &value}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := commit(t, b, up, refs, "new content"); objstore.KindOf(err) != objstore.KindPrecondition || !strings.Contains(err.Error(), "since the upload began") {
		t.Errorf("got %v", err)
	}
	wantContent(t, b, "key", "old")
}

// testPartsOfTwoWrites: a part of which there are two versions is neither.
func testPartsOfTwoWrites(t *testing.T, server objstoretest.AzuriteServer) {
	b := open(t, server.Config(t, "rewritten"))
	const data = "some content"
	up, refs := begun(t, b, "key", data)
	if _, err := b.WritePart(t.Context(), up, objstore.Part{Number: 1, Offset: 4}, bodyOf([]byte("XXXX"))); err != nil {
		t.Fatal(err)
	}
	parts, err := b.Parts(t.Context(), up)
	if err != nil || len(parts) != 2 || parts[0].Number != 0 || parts[1].Number != 2 {
		t.Errorf("Parts: %+v, %v", parts, err)
	}
	if _, err := commit(t, b, up, refs, data); err != nil { // the refs say which
		t.Error(err)
	}
	wantContent(t, b, "key", data)
}

// TestCommitOfALostReply: the SDK repeats the request and is refused, or a
// later Commit asks again.
func TestCommitOfALostReply(t *testing.T) {
	const data = "some content"
	for _, previous := range []string{"", "previous"} {
		f, b := newFake(t)
		if previous != "" {
			if _, err := b.Put(t.Context(), "key", bodyOf([]byte(previous)), objstore.Metadata{}); err != nil {
				t.Fatal(err)
			}
		}
		up, refs := begun(t, b, "key", data)
		lost := false
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if lost || r.Method != http.MethodPut || r.URL.Query().Get("comp") != "blocklist" {
				return false
			}
			lost = true
			f.intercept = nil
			f.ServeHTTP(discardedReply{http.Header{}}, r)
			panic(http.ErrAbortHandler)
		}
		writes := f.writes + 1
		for range 2 {
			obj, err := commit(t, b, up, refs, data)
			if err != nil || obj.Size != int64(len(data)) || obj.CRC32C == nil || obj.Version != objstore.Version(f.blobs["key"].etag) {
				t.Errorf("Commit: %+v, %v", obj, err)
			}
		}
		if !lost || f.writes != writes {
			t.Errorf("lost: %v; %d writes, want %d", lost, f.writes, writes)
		}
		if _, err := b.Put(t.Context(), "key", bodyOf([]byte(data)), objstore.Metadata{}); err != nil {
			t.Fatal(err)
		}
		if _, err := commit(t, b, up, refs, data); objstore.KindOf(err) != objstore.KindNotFound {
			t.Errorf("Commit over what somebody else put: %v", err)
		}
	}
}

type discardedReply struct{ header http.Header }

func (r discardedReply) Header() http.Header         { return r.header }
func (r discardedReply) Write(p []byte) (int, error) { return len(p), nil }
func (r discardedReply) WriteHeader(int)             {}

// TestCommitFindsDifferentBlocks: a store that cut one short, or lost it.
func TestCommitFindsDifferentBlocks(t *testing.T) {
	for name, damage := range map[string]func(s *stored){
		"cut short": func(s *stored) { s.uncommitted[2].Size-- },
		"lost":      func(s *stored) { s.uncommitted = slices.Delete(s.uncommitted, 2, 3) },
	} {
		f, b := newFake(t)
		up, refs := begun(t, b, "key", "some content")
		damage(f.blobs["key"])
		if _, err := commit(t, b, up, refs, "some content"); objstore.KindOf(err) != objstore.KindCorrupt || f.writes != 0 {
			t.Errorf("%s: %v, %d writes", name, err, f.writes)
		}
	}
}

// TestProofOfTheStore: a CRC32C is reported on the store's own CRC64 only.
func TestProofOfTheStore(t *testing.T) {
	f, b := newFake(t)
	body := bodyOf([]byte("data"))
	if obj, err := b.Put(t.Context(), "key", body, objstore.Metadata{}); err != nil || obj.CRC32C == nil || *obj.CRC32C != body.Digest {
		t.Errorf("Put: %+v, %v", obj, err)
	}
	up, _ := begun(t, b, "staged", "data")
	answer := ""
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if answer != "" {
			w.Header().Set("X-Ms-Content-Crc64", answer)
		}
		w.Header().Set("ETag", `"0x1"`)
		w.WriteHeader(http.StatusCreated)
		return true
	}
	if obj, err := b.Put(t.Context(), "key", body, objstore.Metadata{}); err != nil || obj.CRC32C != nil {
		t.Errorf("Put without an answer: %+v, %v", obj, err)
	}
	if _, err := b.WritePart(t.Context(), up, objstore.Part{}, body); objstore.KindOf(err) != objstore.KindUnsupported {
		t.Errorf("WritePart without an answer: %v", err)
	}
	answer = base64CRC64(1)
	if _, err := b.Put(t.Context(), "key", body, objstore.Metadata{}); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("Put with another answer: %v", err)
	}
	if _, err := b.WritePart(t.Context(), up, objstore.Part{}, body); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("WritePart with another answer: %v", err)
	}
}

// testBytesChangedOnTheWay: a real server holds the body against its CRC64.
func testBytesChangedOnTheWay(t *testing.T, server objstoretest.AzuriteServer) {
	b := open(t, server.Config(t, "flipped"))
	b.transport.RegisterProtocol("http", flips{b.transport.Clone()})
	up, err := b.Begin(t.Context(), "key", 4, objstore.Metadata{}) // its one byte stays as it is
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.WritePart(t.Context(), up, objstore.Part{}, bodyOf([]byte("data"))); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("WritePart: %v", err)
	}
	if _, err := b.Put(t.Context(), "put", bodyOf([]byte("data")), objstore.Metadata{}); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("Put: %v", err)
	}
}

// flips changes the bodies of requests with more than one byte.
type flips struct{ next http.RoundTripper }

func (f flips) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.ContentLength > 1 {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		data[0] ^= 1
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(data))
	}
	return f.next.RoundTrip(r)
}

// testBlocksOfAnotherProgram: Azure takes no names of another length than
// those that are there.
func testBlocksOfAnotherProgram(t *testing.T, server objstoretest.AzuriteServer) {
	b := open(t, server.Config(t, "foreign"))
	_, err := b.blob("key").StageBlock(t.Context(), base64.StdEncoding.EncodeToString([]byte("short")), streaming.NopCloser(strings.NewReader("x")), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Begin(t.Context(), "key", 10, objstore.Metadata{})
	if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), "another program has left blocks") {
		t.Errorf("got %v", err)
	}
}

// TestMuchMetadata: agents pass on the ID of an upload, with all the metadata
// that a blob holds, if it has no more than 24 KiB.
func TestMuchMetadata(t *testing.T) {
	_, b := newFake(t)
	meta, lost := b.Keeps(objstore.Metadata{ContentType: "text/plain", User: map[string]string{"a": strings.Repeat("<", 4000), "b": strings.Repeat("ü", 1000)}})
	if lost != 0 {
		t.Fatalf("lost is %v", lost)
	}
	up, err := b.Begin(t.Context(), "key", 1, meta)
	if err != nil || len(up.ID) > 24<<10 {
		t.Errorf("the ID has %d bytes, %v", len(up.ID), err)
	}
	dests := wire.Dests{Dests: []wire.Dest{{Store: "dest0", Key: "key", Upload: &up}}}
	if err := dests.Check(); err != nil {
		t.Error(err)
	}
}
