package gcs

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// TestMetadataArrives by Put and by Commit, and is what Stat and Open say.
func TestMetadataArrives(t *testing.T) {
	f, b := newFake(t)
	meta := objstore.Metadata{
		ContentType: "text/plain", User: map[string]string{"with-hyphen": "ü"}, StorageClass: "NEARLINE",
		Modified: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Mode: 0o640, Link: "../target",
	}
	put(t, b, "key", []byte("data"), meta)
	o := f.objects["key"]
	if o.StorageClass != "NEARLINE" || o.Metadata["mtime"] != "2026-01-02T03:04:05.000000678Z" || o.Metadata["mode"] != "0640" || o.Metadata["skyctl-symlink"] != "../target" {
		t.Errorf("the store has %+v", o)
	}
	f.class = "COLDLINE"
	s := stage(t, b, 2, meta)
	for key, temporary := range f.objects {
		if key != "key" && temporary.StorageClass != standard {
			t.Errorf("%s is %s", key, temporary.StorageClass)
		}
	}
	committed, err := s.commit(t, b)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := b.Stat(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	body, opened, err := b.Open(t.Context(), "key", "", chunk.Range{Length: stat.Size})
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
	for _, got := range []objstore.Object{committed, stat, opened} {
		if !reflect.DeepEqual(got.Metadata, meta) {
			t.Errorf("got %+v, want %+v", got.Metadata, meta)
		}
	}
	f.class = standard
	if obj := put(t, b, "plain", nil, objstore.Metadata{}); !reflect.DeepEqual(obj.Metadata, objstore.Metadata{}) {
		t.Errorf("without any: %+v", obj.Metadata)
	}
}

func TestKeeps(t *testing.T) {
	f, _ := newFake(t)
	b := open(t, objstore.Config{Bucket: fakeBucket, Endpoint: f.url, StorageClasses: map[string]string{"GLACIER": "ARCHIVE", "*": "COLDLINE"}})
	defer b.Close()
	for _, c := range []struct {
		name     string
		in, want objstore.Metadata
		lost     objstore.Fields
	}{
		{"nothing", objstore.Metadata{}, objstore.Metadata{StorageClass: "COLDLINE"}, 0},
		{"a class with a name", objstore.Metadata{StorageClass: "GLACIER"}, objstore.Metadata{StorageClass: "ARCHIVE"}, 0},
		{"tags", objstore.Metadata{Tags: map[string]string{"a": "b"}}, objstore.Metadata{StorageClass: "COLDLINE"}, objstore.FieldTags},
		{"not UTF-8", objstore.Metadata{ContentType: "\xff", User: map[string]string{"\xff": "x", "k": "\xff", "good": "ü"}},
			objstore.Metadata{StorageClass: "COLDLINE", User: map[string]string{"good": "ü"}}, objstore.FieldContentType | objstore.FieldUser},
		{"more than 8 KiB", objstore.Metadata{User: map[string]string{"k": strings.Repeat("x", 8190)}, Mode: 0o644},
			objstore.Metadata{StorageClass: "COLDLINE", Mode: 0o644}, objstore.FieldUser},
	} {
		got, lost := b.Keeps(c.in)
		if !reflect.DeepEqual(got, c.want) || lost != c.lost {
			t.Errorf("%s: %+v without %v", c.name, got, lost)
		}
		if _, err := b.Put(t.Context(), "key", bodyOf(nil), got); err != nil {
			t.Errorf("%s: what is kept is refused: %v", c.name, err)
		}
	}
	for _, beyond := range []objstore.Metadata{{Tags: map[string]string{"a": "b"}}, {StorageClass: "GLACIER"}, {ContentType: "\xff"}} {
		if _, err := b.Put(t.Context(), "key", bodyOf(nil), beyond); objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("%+v: %v", beyond, err)
		}
		if _, err := b.Begin(t.Context(), "key", 1, beyond); objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("%+v: %v", beyond, err)
		}
	}
	bare := open(t, objstore.Config{Bucket: fakeBucket, Endpoint: f.url})
	defer bare.Close()
	if got, lost := bare.Keeps(objstore.Metadata{StorageClass: "GLACIER"}); got.StorageClass != "" || lost != objstore.FieldStorageClass {
		t.Errorf("a class that nobody mapped: %+v without %v", got, lost)
	}
	_, err := Open(t.Context(), objstore.Config{Bucket: "b", StorageClasses: map[string]string{"*": "GLACIER"}})
	if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), `no storage class "GLACIER"`) {
		t.Errorf("a class that does not exist: %v", err)
	}
}
