package objstoretest

import (
	"maps"
	"reflect"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// everything is metadata with all fields but Link, which excludes bytes.
func everything() objstore.Metadata {
	return objstore.Metadata{
		ContentType:        "text/x-test; charset=utf-8",
		ContentEncoding:    "x-none",
		ContentDisposition: `attachment; filename="a b"`,
		ContentLanguage:    "de, en",
		CacheControl:       "max-age=60",
		User:               map[string]string{"plain": "value", "unicode": "Grüße, 世界", "spaces": " at both ends ", "empty-ish": "-"},
		Tags:               map[string]string{"team": "data", "a b": "c=d + e/f"},
		StorageClass:       "NO-SUCH-CLASS",
		Modified:           time.Date(2020, 2, 29, 12, 30, 45, 123456789, time.UTC),
		Mode:               0o640,
	}
}

// testMetadata takes a store as it is, and holds it to what Keeps says: all
// that it keeps comes back, however it was written and is asked for, and
// nothing else is taken.
func testMetadata(s *suite) {
	meta := everything()
	given := meta
	given.User, given.Tags = maps.Clone(meta.User), maps.Clone(meta.Tags)
	kept, lost := s.b.Keeps(meta)
	if !reflect.DeepEqual(meta, given) {
		s.Errorf("Keeps changes what it is given to %+v", meta)
	}
	s.wantKept(meta, kept, lost)
	data := content(1, 100)
	if beyond := meta; lost != 0 {
		if _, err := s.b.Put(s.ctx, s.prefix+"beyond", body(data), beyond); lost != objstore.FieldStorageClass {
			s.wantKind(err, objstore.KindInvalid)
			_, err = s.b.Begin(s.ctx, s.prefix+"beyond", int64(len(data)), beyond)
			s.wantKind(err, objstore.KindInvalid)
			s.wantMissing(s.prefix + "beyond")
		}
	}
	if _, err := s.b.Put(s.ctx, s.prefix+"put", body(data), kept); err != nil {
		s.Fatal(err)
	}
	up, err := s.b.Begin(s.ctx, s.prefix+"staged", int64(len(data)), kept)
	if err != nil {
		s.Fatal(err)
	}
	ref := s.writePart(s.b, up, 0, 0, data)
	if _, err := s.b.Commit(s.ctx, up, []objstore.PartRef{ref}, up.Size, chunk.Sum(data)); err != nil {
		s.Fatal(err)
	}
	for _, key := range []string{s.prefix + "put", s.prefix + "staged"} {
		stat := s.wantContent(key, data)
		s.wantMetadata("Stat of "+key, stat.Metadata, kept)
		r, obj, err := s.b.Open(s.ctx, key, "", chunk.Range{Length: int64(len(data))})
		if err != nil {
			s.Fatal(err)
		}
		if _, err := readAll(r); err != nil {
			s.Error(err)
		}
		s.wantMetadata("Open of "+key, obj.Metadata, kept)
	}
}

// wantKept checks that what is kept and what is lost make up the whole.
func (s *suite) wantKept(m, kept objstore.Metadata, lost objstore.Fields) {
	s.Helper()
	if missing := m.Fields() &^ (kept.Fields() | lost); missing != 0 {
		s.Errorf("Keeps neither keeps nor reports: %v", missing)
	}
	if extra := (kept.Fields() | lost) &^ m.Fields(); extra != 0 {
		s.Errorf("Keeps invents: %v", extra)
	}
	if !kept.Modified.IsZero() && !kept.Modified.Equal(m.Modified) || kept.Mode != 0 && kept.Mode != m.Mode || kept.ContentType != "" && kept.ContentType != m.ContentType {
		s.Errorf("Keeps changes %+v to %+v", m, kept)
	}
	for name, value := range m.User {
		if got, ok := kept.User[name]; got != value && (ok || lost&objstore.FieldUser == 0) {
			s.Errorf("Keeps changes user metadata %q from %q to %q", name, value, got)
		}
	}
	if lost&objstore.FieldTags == 0 && !maps.Equal(kept.Tags, m.Tags) {
		s.Errorf("Keeps changes tags %q to %q", m.Tags, kept.Tags)
	}
}

// wantMetadata compares. A store may know more of an object than it was told: a
// file has a time and a mode in any case.
func (s *suite) wantMetadata(what string, got, want objstore.Metadata) {
	s.Helper()
	if !got.Modified.Equal(want.Modified) {
		s.Errorf("%s: modified at %v, want %v", what, got.Modified, want.Modified)
	}
	got.Modified, want.Modified = time.Time{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s: metadata is\n%+v, want\n%+v", what, got, want)
	}
}

// testEachField: no field depends on another.
func testEachField(s *suite) {
	all := everything()
	for name, m := range map[string]objstore.Metadata{
		"none":     {},
		"type":     {ContentType: all.ContentType},
		"user":     {User: all.User},
		"tags":     {Tags: all.Tags},
		"modified": {Modified: all.Modified.Truncate(time.Second)},
		"mode":     {Mode: all.Mode},
		"link":     {Link: "../über/ there"},
	} {
		kept, lost := s.b.Keeps(m)
		s.wantKept(m, kept, lost)
		key := s.prefix + name
		if _, err := s.b.Put(s.ctx, key, body(nil), kept); err != nil {
			s.Errorf("%s: %v", name, err)
			continue
		}
		obj, err := s.b.Stat(s.ctx, key)
		if m.Link != "" && lost == 0 && err != nil {
			s.wantKind(err, objstore.KindInvalid) // a link that is followed, to nothing
			continue
		}
		if err != nil {
			s.Errorf("%s: %v", name, err)
			continue
		}
		for field, differ := range map[objstore.Fields]bool{
			objstore.FieldUser: !maps.Equal(obj.Metadata.User, kept.User), objstore.FieldTags: !maps.Equal(obj.Metadata.Tags, kept.Tags),
			objstore.FieldModified: !kept.Modified.IsZero() && !obj.Metadata.Modified.Equal(kept.Modified),
			objstore.FieldMode:     kept.Mode != 0 && obj.Metadata.Mode != kept.Mode, objstore.FieldLink: obj.Metadata.Link != kept.Link,
			objstore.FieldContentType: kept.ContentType != "" && obj.Metadata.ContentType != kept.ContentType,
		} {
			if differ {
				s.Errorf("%s: %v is %+v, want %+v", name, field, obj.Metadata, kept)
			}
		}
	}
}
