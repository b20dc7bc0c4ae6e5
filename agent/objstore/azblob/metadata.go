package azblob

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// identifier is what Azure takes as the name of user metadata: an identifier
// of C#, in ASCII because it travels as the name of an HTTP header.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// maxUser is how much user metadata a blob has, in bytes, names and values
// together.
const maxUser = 8 << 10

// spell makes an identifier of the names that httpstore.Fold uses.
func spell(name string) string { return strings.ReplaceAll(name, "-", "_") }

// tiers are the access tiers that a user may ask for.
var tiers = []string{string(blob.AccessTierHot), string(blob.AccessTierCool), string(blob.AccessTierCold), string(blob.AccessTierArchive)}

// checkTiers refuses a mapping to what no blob can have.
func checkTiers(mapping map[string]string) error {
	for source, tier := range mapping {
		if tier != "" && !slices.Contains(tiers, tier) {
			return fmt.Errorf("there is no access tier %q, in place of %q; Azure has %s", tier, source, strings.Join(tiers, ", "))
		}
	}
	return nil
}

// Keeps: a class that no mapping names becomes the account's default. Tags are
// lost too where the store has once refused them, see tagged.
func (b *bucket) Keeps(m objstore.Metadata) (objstore.Metadata, objstore.Fields) {
	lost := objstore.KeepClass(b.tiers, &m) | keep(&m)
	if len(m.Tags) > 0 && b.refusesTags.Load() {
		m.Tags = nil
		lost |= objstore.FieldTags
	}
	return m, lost
}

// keep takes out of m what Azure does not hold, and says what it took. All of
// it travels as HTTP headers, in ASCII, and the case of names is lost: names
// that differ in nothing else are all taken out.
func keep(m *objstore.Metadata) (lost objstore.Fields) {
	lost = httpstore.KeepHeaders(m, func(value string) bool {
		return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
	})
	names := map[string]int{}
	for name := range m.User {
		names[strings.ToLower(name)]++
	}
	lost |= httpstore.KeepUser(m, func(name, value string) bool {
		lower := strings.ToLower(name)
		return identifier.MatchString(name) && httpstore.IsText(value) && names[lower] == 1 &&
			!httpstore.Taken(m, lower, value) && lower != spell("skyctl-symlink")
	})
	size := 0
	for name, value := range encodeUser(*m) {
		size += len(name) + len(*value)
	}
	if size > maxUser {
		m.User, lost = nil, lost|objstore.FieldUser
	}
	return lost | keepTags(m)
}

// checkMetadata refuses what Keeps does not return.
func checkMetadata(m objstore.Metadata) error {
	if lost := keep(&m); lost != 0 {
		return fmt.Errorf("Azure does not hold this %v: it takes ASCII, names of letters, digits and _, and %d tags", lost, maxTags)
	}
	return checkTiers(map[string]string{"": m.StorageClass})
}

// encodeHeaders returns the metadata as Azure takes it. Values of user metadata
// outside ASCII become encoded words (RFC 2047), as S3 has them; to Azure and
// others they are just that text.
func encodeHeaders(m objstore.Metadata) (*blob.HTTPHeaders, map[string]*string) {
	headers := &blob.HTTPHeaders{
		BlobContentType:        optional(m.ContentType),
		BlobContentEncoding:    optional(m.ContentEncoding),
		BlobContentDisposition: optional(m.ContentDisposition),
		BlobContentLanguage:    optional(m.ContentLanguage),
		BlobCacheControl:       optional(m.CacheControl),
	}
	return headers, encodeUser(m)
}

func encodeUser(m objstore.Metadata) map[string]*string {
	folded := httpstore.Fold(m, httpstore.RFC3339, spell).User
	user := make(map[string]*string, len(folded))
	for name, value := range folded {
		encoded := httpstore.EncodeWord(value)
		user[name] = &encoded
	}
	return user
}

// tierOf is the tier to be asked for, nil for the account's default.
func tierOf(m objstore.Metadata) *blob.AccessTier {
	if m.StorageClass == "" {
		return nil
	}
	tier := blob.AccessTier(m.StorageClass)
	return &tier
}

// decodeUser reverses what encodeHeaders did to the values. HTTP loses the
// case of the names, in which Azure sees no difference.
func decodeUser(user map[string]*string) map[string]string {
	decoded := make(map[string]string, len(user))
	for name, value := range user {
		decoded[strings.ToLower(name)] = httpstore.DecodeWord(deref(value))
	}
	return decoded
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
