package file

import (
	"fmt"
	"strings"

	"github.com/skyctl/skyctl/agent/objstore"
)

const (
	permissions = 0o777 // the bits of a mode that are kept; the others are for this machine's users only

	maxLink = 4095 // bytes of a link's target, PATH_MAX without its end
)

// kept are the fields that a file has a place for.
const kept = objstore.FieldModified | objstore.FieldMode | objstore.FieldLink

// Keeps what a file has a place for.
func (b *bucket) Keeps(m objstore.Metadata) (objstore.Metadata, objstore.Fields) {
	k := objstore.Metadata{Modified: m.Modified, Mode: m.Mode & permissions, Link: m.Link}
	lost := m.Fields() &^ kept
	if m.Mode&^permissions != 0 {
		lost |= objstore.FieldMode
	}
	if strings.IndexByte(m.Link, 0) >= 0 || len(m.Link) > maxLink {
		k.Link, lost = "", lost|objstore.FieldLink
	}
	if k.Link != "" { // its time and mode are those of what it leads to
		lost |= k.Fields() &^ objstore.FieldLink
		k = objstore.Metadata{Link: k.Link}
	}
	// What a clock of nanoseconds since 1970 cannot hold.
	if !k.Modified.IsZero() && (m.Modified.Year() < 1678 || m.Modified.Year() > 2261) {
		k.Modified, lost = objstore.Metadata{}.Modified, lost|objstore.FieldModified
	}
	return k, lost
}

// checkMetadata refuses what Keeps does not return.
func (b *bucket) checkMetadata(op, key string, m objstore.Metadata) error {
	if _, lost := b.Keeps(m); lost != 0 {
		return b.fail(op, key, objstore.KindInvalid, fmt.Errorf("a file has no place for: %v", lost))
	}
	return nil
}
