package s3

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// TestStoreHoldsTheDigest: a real store checks it, at Put and at Commit, and
// reports it.
func TestStoreHoldsTheDigest(t *testing.T) {
	cfg := objstoretest.StartVersityGW(t).Config(t, "checksums")
	b := open(t, cfg)
	data := make([]byte, minPart+1)
	put, err := b.Put(t.Context(), "put", bodyOf(data[:100]), objstore.Metadata{})
	if err != nil || put.CRC32C == nil || *put.CRC32C != chunk.Sum(data[:100]) {
		t.Errorf("Put: %+v, %v", put, err)
	}
	up, err := b.Begin(t.Context(), "staged", int64(len(data)), objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(up.ID, modePrefixes[modeWhole]) {
		t.Errorf("the upload is %q, want checksums of the whole object", up.ID)
	}
	var refs []objstore.PartRef
	for i, r := range chunk.Split(int64(len(data)), minPart) {
		ref, err := b.WritePart(t.Context(), up, objstore.Part{Number: i, Offset: r.Offset}, bodyOf(data[r.Offset:r.End()]))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	obj, err := b.Commit(t.Context(), up, refs, int64(len(data)), chunk.Sum(data))
	if err != nil || obj.CRC32C == nil || *obj.CRC32C != chunk.Sum(data) {
		t.Errorf("Commit: %+v, %v", obj, err)
	}
	for _, key := range []string{"put", "staged"} {
		if obj, err := b.Stat(t.Context(), key); err != nil || obj.CRC32C == nil {
			t.Errorf("Stat(%q): %+v, %v", key, obj, err)
		}
	}
}

// TestPutWithoutChecksums: a store that refuses them is asked once.
func TestPutWithoutChecksums(t *testing.T) {
	for _, c := range []struct {
		status        int
		code, message string
	}{
		{501, "NotImplemented", "A header you provided implies functionality that is not implemented"},
		{400, "InvalidArgument", "unknown header x-amz-checksum-crc32c"},
	} {
		f, b := newFake(t)
		refused := 0
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("X-Amz-Checksum-Crc32c") == "" {
				return false
			}
			refused++
			refuse(w, c.status, c.code, c.message)
			return true
		}
		for range 3 {
			if obj, err := b.Put(t.Context(), "key", bodyOf([]byte("data")), objstore.Metadata{}); err != nil || obj.CRC32C != nil {
				t.Errorf("Put: %+v, %v", obj, err)
			}
		}
		if refused != 1 {
			t.Errorf("%s: %d requests were refused, want 1", c.code, refused)
		}
		wrong := bodyOf([]byte("data"))
		wrong.Digest++
		if _, err := b.Put(t.Context(), "key", wrong, objstore.Metadata{}); objstore.KindOf(err) != objstore.KindCorrupt {
			t.Errorf("a wrong digest, which nobody but us compares now: %v", err)
		}
	}
}

// TestModeOfAnUpload: what the store agrees to decides what is sent, by any
// process.
func TestModeOfAnUpload(t *testing.T) {
	for _, c := range []struct {
		name            string
		refuses         func(algorithm, kind string) bool
		echo            bool
		mode            checksumMode
		refusals        int
		partHas, endHas bool
	}{
		{"all", func(string, string) bool { return false }, true, modeWhole, 0, true, true},
		{"parts only", func(_, kind string) bool { return kind != "" }, true, modeParts, 1, true, false},
		{"refuses", func(algorithm, _ string) bool { return algorithm != "" }, true, modeNone, 2, false, false},
		{"ignores", func(string, string) bool { return false }, false, modeNone, 0, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, b := newFake(t)
			u := &uploads{fake: f, echo: c.echo, refuses: c.refuses}
			f.intercept = u.serve
			for range 2 {
				up, err := b.Begin(t.Context(), "key", 4, objstore.Metadata{})
				if err != nil || up.ID != c.mode.uploadID("upload") {
					t.Fatalf("Begin: %+v, %v", up, err)
				}
				ref, err := b.WritePart(t.Context(), up, objstore.Part{}, bodyOf([]byte("data")))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.Commit(t.Context(), up, []objstore.PartRef{ref}, 4, chunk.Sum([]byte("data"))); err != nil {
					t.Fatal(err)
				}
			}
			if got := [...]any{u.refused, u.partChecksum != "", u.wholeChecksum != ""}; !reflect.DeepEqual(got, [...]any{c.refusals, c.partHas, c.endHas}) {
				t.Errorf("refusals, checksum of the part, of the object: %v, want %v", got, [...]any{c.refusals, c.partHas, c.endHas})
			}
		})
	}
}

// TestCommitOfALostReply: the object is recognised, with and without the
// store's digest, and another one is not.
func TestCommitOfALostReply(t *testing.T) {
	data := []byte("data")
	for _, reports := range []bool{true, false} {
		f, b := newFake(t)
		u := &uploads{fake: f, echo: true, refuses: func(string, string) bool { return false }, loseReply: true, reports: reports}
		f.intercept = u.serve
		up, err := b.Begin(t.Context(), "key", 4, objstore.Metadata{})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := b.WritePart(t.Context(), up, objstore.Part{}, bodyOf(data))
		if err != nil {
			t.Fatal(err)
		}
		refs := []objstore.PartRef{ref}
		for range 2 {
			if obj, err := b.Commit(t.Context(), up, refs, 4, chunk.Sum(data)); err != nil || obj.Version != objstore.Version(etag(data)) {
				t.Errorf("Commit: %+v, %v", obj, err)
			}
		}
		for _, other := range []string{"atad", "longer data"} {
			if _, err := b.Put(t.Context(), "key", bodyOf([]byte(other)), objstore.Metadata{}); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Commit(t.Context(), up, refs, 4, chunk.Sum(data)); objstore.KindOf(err) != objstore.KindNotFound {
				t.Errorf("Commit over %q: %v", other, err)
			}
		}
	}
}

// TestCommitFailsWithStatus200: the reply's status was sent before the work.
func TestCommitFailsWithStatus200(t *testing.T) {
	f, b := newFake(t)
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			io.WriteString(w, "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>")
			return true
		}
		return false
	}
	part := chunk.Sum([]byte("data"))
	up := objstore.Upload{Key: "key", ID: modeWhole.uploadID("upload"), Size: 4}
	_, err := b.Commit(t.Context(), up, []objstore.PartRef{{Size: 4, Digest: &part, Token: `"x"`}}, 4, part)
	if objstore.KindOf(err) != objstore.KindTransient || !strings.Contains(err.Error(), "InternalError") {
		t.Errorf("got %v", err)
	}
}

func TestWholeDigest(t *testing.T) {
	d := chunk.Sum([]byte("data"))
	for _, c := range []struct {
		value *string
		kind  types.ChecksumType
		want  *chunk.Digest
	}{
		{nil, "", nil},
		{aws.String(d.Base64()), types.ChecksumTypeFullObject, &d},
		{aws.String(d.Base64()), "", &d},
		{aws.String(d.Base64()), types.ChecksumTypeComposite, nil},
		{aws.String(d.Base64() + "-2"), "", nil},
		{aws.String("nonsense"), types.ChecksumTypeFullObject, nil},
	} {
		if got := wholeDigest(c.value, c.kind); !reflect.DeepEqual(got, c.want) {
			t.Errorf("wholeDigest(%v, %q) = %v, want %v", c.value, c.kind, got, c.want)
		}
	}
}

// uploads adds staged writes of one part to a fake.
type uploads struct {
	*fake
	echo      bool // says which checksums it will keep
	refuses   func(algorithm, kind string) bool
	loseReply bool // of the first commit
	reports   bool // the digest, at Stat

	refused                     int
	part                        []byte
	partChecksum, wholeChecksum string
	committed                   bool
}

func (u *uploads) serve(w http.ResponseWriter, r *http.Request) bool {
	algorithm, kind := r.Header.Get("X-Amz-Checksum-Algorithm"), r.Header.Get("X-Amz-Checksum-Type")
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		if u.refuses(algorithm, kind) {
			u.refused++
			refuse(w, 400, "InvalidRequest", "The checksum is not supported")
			return true
		}
		if u.echo {
			w.Header().Set("X-Amz-Checksum-Algorithm", algorithm)
			w.Header().Set("X-Amz-Checksum-Type", kind)
		}
		u.committed = false
		io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPut && query.Has("partNumber"):
		u.part, _ = io.ReadAll(r.Body)
		u.partChecksum = r.Header.Get("X-Amz-Checksum-Crc32c")
		w.Header().Set("ETag", etag(u.part))
	case r.Method == http.MethodPost && query.Has("uploadId"):
		u.commit(w, r)
	default:
		return false
	}
	return true
}

func (u *uploads) commit(w http.ResponseWriter, r *http.Request) {
	if u.committed {
		refuse(w, 404, "NoSuchUpload", "The specified upload does not exist.")
		return
	}
	u.committed = true
	u.wholeChecksum = r.Header.Get("X-Amz-Checksum-Crc32c")
	header := http.Header{}
	if u.reports {
		header.Set("X-Amz-Checksum-Crc32c", u.wholeChecksum)
	}
	u.objects["key"] = stored{data: u.part, header: header}
	if u.loseReply {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(w, "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>", etag(u.part))
}
