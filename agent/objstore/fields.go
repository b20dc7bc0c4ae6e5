package objstore

import "strings"

// Fields is a set of fields of Metadata, for saying what a pair of stores
// cannot carry. It is journaled and travels, so the bits never change.
type Fields uint16

const (
	FieldContentType Fields = 1 << iota
	FieldContentEncoding
	FieldContentDisposition
	FieldContentLanguage
	FieldCacheControl
	FieldUser
	FieldTags
	FieldStorageClass
	FieldModified
	FieldMode
	FieldLink
)

var fieldNames = [...]string{"content type", "content encoding", "content disposition", "content language", "cache control",
	"user metadata", "tags", "storage class", "modification time", "file mode", "symbolic link"}

// Fields returns the fields that are set.
func (m Metadata) Fields() Fields {
	var f Fields
	for i, set := range []bool{m.ContentType != "", m.ContentEncoding != "", m.ContentDisposition != "", m.ContentLanguage != "",
		m.CacheControl != "", len(m.User) > 0, len(m.Tags) > 0, m.StorageClass != "", !m.Modified.IsZero(), m.Mode != 0, m.Link != ""} {
		if set {
			f |= 1 << i
		}
	}
	return f
}

// Names returns the fields in words, in the order of their bits.
func (f Fields) Names() []string {
	var names []string
	for i, name := range fieldNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names on one line.
func (f Fields) String() string { return strings.Join(f.Names(), ", ") }

// KeepClass replaces m's storage class by what classes, a
// Config.StorageClasses, makes of it, and says whether one is lost. It is to be
// applied once: the result is a class of the destination.
func KeepClass(classes map[string]string, m *Metadata) (lost Fields) {
	class, ok := classes[m.StorageClass]
	if !ok {
		class, ok = classes["*"]
	}
	if !ok && m.StorageClass != "" {
		lost = FieldStorageClass
	}
	m.StorageClass = class
	return lost
}
