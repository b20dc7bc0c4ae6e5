package azblob

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// TestKeeps: what Azure cannot hold is taken out, said, and refused by a write.
func TestKeeps(t *testing.T) {
	many := map[string]string{}
	for _, name := range strings.Split("abcdefghijk", "") {
		many[name] = name
	}
	for _, c := range []struct {
		name     string
		in, want objstore.Metadata
		lost     objstore.Fields
	}{
		{"nothing", objstore.Metadata{}, objstore.Metadata{}, 0},
		{"names", objstore.Metadata{User: map[string]string{"with-hyphen": "x", "1st": "x", "": "x", "größe": "x", "_a1": "ü"}},
			objstore.Metadata{User: map[string]string{"_a1": "ü"}}, objstore.FieldUser},
		{"names that differ in case", objstore.Metadata{User: map[string]string{"Team": "x", "team": "y"}}, objstore.Metadata{}, objstore.FieldUser},
		{"names of ours", objstore.Metadata{User: map[string]string{"Mtime": "1", "MODE": "644", "mtime_": "x", "skyctl_symlink": "z"}},
			objstore.Metadata{User: map[string]string{"mtime_": "x"}}, objstore.FieldUser},
		{"names of ours that mean something else", objstore.Metadata{User: map[string]string{"mode": "33188"}},
			objstore.Metadata{User: map[string]string{"mode": "33188"}}, 0},
		{"too much", objstore.Metadata{User: map[string]string{"a": strings.Repeat("ü", 4<<10)}, Mode: 0o644}, objstore.Metadata{Mode: 0o644}, objstore.FieldUser},
		{"values", objstore.Metadata{User: map[string]string{"a": "x\ny"}}, objstore.Metadata{}, objstore.FieldUser},
		{"headers", objstore.Metadata{ContentType: "text/plain\r\nX: y", ContentDisposition: `attachment; filename="ü"`, CacheControl: "no-cache"},
			objstore.Metadata{CacheControl: "no-cache"}, objstore.FieldContentType | objstore.FieldContentDisposition},
		{"tags", objstore.Metadata{Tags: map[string]string{"team": "a b+c-d", "größe": "x", "": "x", "q": "?"}},
			objstore.Metadata{Tags: map[string]string{"team": "a b+c-d"}}, objstore.FieldTags},
		{"too many tags", objstore.Metadata{Tags: many}, objstore.Metadata{}, objstore.FieldTags},
		{"class", objstore.Metadata{StorageClass: "GLACIER"}, objstore.Metadata{}, objstore.FieldStorageClass},
	} {
		_, b := newFake(t)
		got, lost := b.Keeps(c.in)
		if !reflect.DeepEqual(got, c.want) || lost != c.lost {
			t.Errorf("%s: %+v without %v", c.name, got, lost)
		}
		if _, err := b.Put(t.Context(), "key", bodyOf(nil), got); err != nil {
			t.Errorf("%s: what is kept is refused: %v", c.name, err)
		}
		if c.lost == 0 {
			continue
		}
		if _, err := b.Put(t.Context(), "key", bodyOf(nil), c.in); objstore.KindOf(err) != objstore.KindInvalid || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: Put: %v", c.name, err)
		}
		if _, err := b.Begin(t.Context(), "key", 1, c.in); objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("%s: Begin: %v", c.name, err)
		}
	}
	_, err := Open(t.Context(), objstore.Config{Bucket: "acc/con", StorageClasses: map[string]string{"*": "GLACIER"}})
	if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), `no access tier "GLACIER"`) {
		t.Errorf("a tier that does not exist: %v", err)
	}
}

// TestMetadataArrives by Put and by Commit, and is what Stat and Open say.
func TestMetadataArrives(t *testing.T) {
	f, b := newFake(t)
	b.tiers = map[string]string{"*": "Cool"}
	meta, lost := b.Keeps(objstore.Metadata{
		User: map[string]string{"_a1": "plain", "b": "Grüße", "c": " spaces ", "d": ""}, Tags: map[string]string{"team": "a b", "empty": ""},
		Modified: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Mode: 0o640, Link: "../target",
	})
	if lost != 0 || meta.StorageClass != "Cool" {
		t.Fatalf("lost is %v of %+v", lost, meta)
	}
	if _, err := b.Put(t.Context(), "put", bodyOf([]byte("data")), meta); err != nil {
		t.Fatal(err)
	}
	up, err := b.Begin(t.Context(), "staged", 4, meta)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := b.WritePart(t.Context(), up, objstore.Part{}, bodyOf([]byte("data")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := commit(t, b, up, []objstore.PartRef{ref}, "data"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"put", "staged"} {
		if h := f.blobs[key].header; h.Get("X-Ms-Meta-Mtime") != "2026-01-02T03:04:05.000000678Z" || h.Get("X-Ms-Meta-Mode") != "0640" || h.Get("X-Ms-Meta-Skyctl_symlink") != "../target" {
			t.Errorf("the store has %v", h)
		}
		stat, err := b.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		r, opened, err := b.Open(t.Context(), key, stat.Version, chunk.Range{Length: 4})
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		for _, got := range []objstore.Object{stat, opened} {
			if !reflect.DeepEqual(got.Metadata, meta) {
				t.Errorf("%s: %+v, want %+v", key, got.Metadata, meta)
			}
		}
	}
}

// TestTagsThatTheStoreRefuses are lost, and the object is not.
func TestTagsThatTheStoreRefuses(t *testing.T) {
	for _, code := range []string{"AuthorizationPermissionMismatch", string(noTagsInHierarchies)} {
		f, b := newFake(t)
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			tagged := r.Header.Get("X-Ms-Tags") != "" || r.URL.Query().Get("comp") == "tags"
			if tagged {
				refuse(w, http.StatusForbidden, code, "no tags")
			}
			return tagged
		}
		meta := objstore.Metadata{ContentType: "text/plain", Tags: map[string]string{"team": "data"}}
		up, err := b.Begin(t.Context(), "staged", 0, meta)
		if err != nil {
			t.Fatal(err)
		}
		put, err := b.Put(t.Context(), "put", bodyOf(nil), meta)
		if err != nil || put.Metadata.Tags != nil || put.Lost != objstore.FieldTags || put.Metadata.ContentType != "text/plain" {
			t.Errorf("%s: Put: %+v, %v", code, put, err)
		}
		if obj, err := commit(t, b, up, nil, ""); err != nil || obj.Metadata.Tags != nil || obj.Lost != objstore.FieldTags {
			t.Errorf("%s: Commit: %+v, %v", code, obj, err)
		}
		if kept, lost := b.Keeps(meta); kept.Tags != nil || lost != objstore.FieldTags {
			t.Errorf("%s: Keeps: %+v without %v", code, kept, lost)
		}
		f.blobs["put"].tags = map[string][]string{"team": {"data"}}
		if obj, err := b.Stat(t.Context(), "put"); err != nil || obj.Metadata.Tags != nil || obj.Lost != objstore.FieldTags {
			t.Errorf("%s: Stat: %+v, %v", code, obj, err)
		}
	}
	f, b := newFake(t) // the tags are not to blame
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		refuse(w, http.StatusForbidden, "AuthorizationPermissionMismatch", "nothing")
		return true
	}
	if _, err := b.Put(t.Context(), "put", bodyOf(nil), objstore.Metadata{Tags: map[string]string{"a": "b"}}); objstore.KindOf(err) != objstore.KindPermission {
		t.Errorf("got %v", err)
	}
	if _, lost := b.Keeps(objstore.Metadata{Tags: map[string]string{"a": "b"}}); lost != 0 {
		t.Errorf("lost is %v", lost)
	}
}
