package s3

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// TestWriteHeaders: what a write says besides the bytes, whole or in parts.
func TestWriteHeaders(t *testing.T) {
	cfg := objstore.Config{Bucket: fakeBucket, StorageClasses: map[string]string{"NEARLINE": "STANDARD_IA", "*": "GLACIER_IR"},
		KMSKey: "arn:aws:kms:eu-west-1:1:key/k", RequesterPays: true}
	f, b := newFakeOf(t, cfg)
	seen := map[string]http.Header{}
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		seen[r.Method] = r.Header.Clone()
		if r.Method != http.MethodPost {
			return false
		}
		w.Write([]byte("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"))
		return true
	}
	kept, lost := b.Keeps(objstore.Metadata{StorageClass: "NEARLINE", Mode: 0o600, Modified: time.Unix(1, 5), Tags: map[string]string{"k": "v w"}})
	if lost != 0 || kept.StorageClass != "STANDARD_IA" {
		t.Fatalf("kept is %+v, lost %v", kept, lost)
	}
	if _, err := b.Put(t.Context(), "key", bodyOf([]byte("x")), kept); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Begin(t.Context(), "key", 1, kept); err != nil {
		t.Fatal(err)
	}
	for method, header := range seen {
		for name, want := range map[string]string{
			"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": cfg.KMSKey,
			"X-Amz-Request-Payer": "requester", "X-Amz-Meta-Mtime": "1.000000005", "X-Amz-Meta-Mode": "0600", "X-Amz-Tagging": "k=v+w",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", method, name, got, want)
			}
		}
		if !strings.Contains(header.Get("Authorization"), "x-amz-request-payer") {
			t.Errorf("%s: the payer is not signed", method)
		}
	}
	if kept, lost := b.Keeps(objstore.Metadata{}); lost != 0 || kept.StorageClass != "GLACIER_IR" {
		t.Errorf("the default class becomes %q, lost %v", kept.StorageClass, lost)
	}
}

// TestKeeps: what S3 would refuse, or fold into something else, is said to be
// lost.
func TestKeeps(t *testing.T) {
	_, b := newFake(t)
	for _, c := range []struct {
		name string
		meta objstore.Metadata
		kept objstore.Metadata
		lost objstore.Fields
	}{
		{"a header outside ASCII", objstore.Metadata{ContentDisposition: `attachment; filename="ü"`, CacheControl: "no-cache"},
			objstore.Metadata{CacheControl: "no-cache"}, objstore.FieldContentDisposition},
		{"names that differ in case", objstore.Metadata{User: map[string]string{"Owner": "a", "owner": "b", "Other": "ü"}},
			objstore.Metadata{User: map[string]string{"other": "ü"}}, objstore.FieldUser},
		{"a tag of Amazon's own", objstore.Metadata{Tags: map[string]string{"aws:x": "a", "x": "b"}},
			objstore.Metadata{Tags: map[string]string{"x": "b"}}, objstore.FieldTags},
		{"more than 2 KiB", objstore.Metadata{User: map[string]string{"a": strings.Repeat("x", 1500)}, Link: strings.Repeat("y", 1500)},
			objstore.Metadata{Link: strings.Repeat("y", 1500)}, objstore.FieldUser},
		{"a link of more than 2 KiB", objstore.Metadata{Link: strings.Repeat("y", 3000), Mode: 0o644}, objstore.Metadata{Mode: 0o644}, objstore.FieldLink},
	} {
		for range 4 { // maps have no order
			if kept, lost := b.Keeps(c.meta); !reflect.DeepEqual(kept, c.kept) || lost != c.lost {
				t.Errorf("%s: kept is %+v, lost %v", c.name, kept, lost)
			}
		}
		if _, err := b.Put(t.Context(), "key", bodyOf(nil), c.kept); err != nil {
			t.Errorf("%s: what is kept is refused: %v", c.name, err)
		}
	}
}

// TestHeadersOfOtherDays are text, whatever their bytes.
func TestHeadersOfOtherDays(t *testing.T) {
	f, b := newFake(t)
	f.objects["key"] = stored{data: []byte("x"), header: http.Header{"Content-Disposition": {"inline; filename=\xfc"}, "X-Amz-Meta-A": {"\xe4"},
		"Cache-Control": {"ü"}, "Content-Type": {"a/b"}}}
	want := objstore.Metadata{ContentType: "a/b", ContentDisposition: "inline; filename=ü", CacheControl: "ü", User: map[string]string{"a": "ä"}}
	stat, err := b.Stat(t.Context(), "key")
	if err != nil || !reflect.DeepEqual(stat.Metadata, want) {
		t.Errorf("Stat says %+v, %v", stat.Metadata, err)
	}
	body, obj, err := b.Open(t.Context(), "key", "", chunk.Range{Length: 1})
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
	if !reflect.DeepEqual(obj.Metadata, want) {
		t.Errorf("Open says %+v", obj.Metadata)
	}
}

// TestTagsAreAskedForWhereThereAreSome, and only there.
func TestTagsAreAskedForWhereThereAreSome(t *testing.T) {
	f, b := newFake(t)
	tagged, asked := false, 0
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("tagging") {
			asked++
			w.Write([]byte("<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"))
			return true
		}
		if tagged && r.Method != http.MethodPut {
			w.Header().Set("X-Amz-Tagging-Count", "1")
		}
		return false
	}
	if _, err := b.Put(t.Context(), "key", bodyOf([]byte("xyz")), objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 1} {
		tagged, asked = want > 0, 0
		if obj, err := b.Stat(t.Context(), "key"); err != nil || len(obj.Metadata.Tags) != want || asked != want {
			t.Errorf("Stat says %+v, %v after %d requests for tags", obj, err, asked)
		}
		for _, r := range []chunk.Range{{Length: 3}, {Offset: 1, Length: 1}} {
			asked = 0
			body, obj, err := b.Open(t.Context(), "key", "", r)
			if err != nil {
				t.Fatal(err)
			}
			body.Close()
			if whole := r.Length == 3; whole && len(obj.Metadata.Tags) != want || !whole && asked != 0 {
				t.Errorf("Open of %+v says %+v after %d requests for tags", r, obj, asked)
			}
		}
	}
}

// TestStorageClassOnMinIO: a real store keeps a class, and tells it.
func TestStorageClassOnMinIO(t *testing.T) {
	cfg := objstoretest.StartMinIO(t).Config(t, "classes")
	cfg.StorageClasses = map[string]string{"COLD": "REDUCED_REDUNDANCY", "WRONG": "NO-SUCH-CLASS"}
	b := open(t, cfg)
	defer b.Close()
	for class, want := range map[string]string{"COLD": "REDUCED_REDUNDANCY", "": ""} {
		kept, lost := b.Keeps(objstore.Metadata{StorageClass: class})
		if _, err := b.Put(t.Context(), "key", bodyOf([]byte("x")), kept); err != nil || lost != 0 {
			t.Fatalf("%q: lost %v, %v", class, lost, err)
		}
		if obj, err := b.Stat(t.Context(), "key"); err != nil || obj.Metadata.StorageClass != want {
			t.Errorf("%q is stored as %q, %v; want %q", class, obj.Metadata.StorageClass, err, want)
		}
	}
	kept, _ := b.Keeps(objstore.Metadata{StorageClass: "WRONG"})
	if _, err := b.Put(t.Context(), "key", bodyOf([]byte("x")), kept); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("a class that there is not: %v", err)
	}
	if _, lost := b.Keeps(objstore.Metadata{StorageClass: "OTHER"}); lost != objstore.FieldStorageClass {
		t.Errorf("lost of a class that is not mapped: %v", lost)
	}
}
