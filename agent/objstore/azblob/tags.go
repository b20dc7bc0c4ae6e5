package azblob

import (
	"context"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Tags are the index tags of a blob.
const maxTags = 10

var (
	tagName  = regexp.MustCompile(`^[A-Za-z0-9 +./:=_-]{1,128}$`)
	tagValue = regexp.MustCompile(`^[A-Za-z0-9 +./:=_-]{0,256}$`)
)

// keepTags takes the tags out of m that Azure does not hold; more than it takes
// are none, for nobody could say which.
func keepTags(m *objstore.Metadata) (lost objstore.Fields) {
	var tags map[string]string
	for name, value := range m.Tags {
		if !tagName.MatchString(name) || !tagValue.MatchString(value) || len(m.Tags) > maxTags {
			lost = objstore.FieldTags
			continue
		}
		if tags == nil {
			tags = make(map[string]string, len(m.Tags))
		}
		tags[name] = value
	}
	m.Tags = tags
	return lost
}

// tagged writes with the tags of m, and where the store refuses those, which
// need a permission of their own and an account without directories, without
// them: they are lost, and the object is not. It returns the metadata as it was
// written, and what was lost of it.
func (b *bucket) tagged(m objstore.Metadata, write func(tags map[string]string) error) (objstore.Metadata, objstore.Fields, error) {
	if len(m.Tags) == 0 {
		return m, 0, write(nil)
	}
	if !b.refusesTags.Load() {
		err := write(m.Tags)
		if err == nil || !refusesTags(err) {
			return m, 0, err
		}
	}
	m.Tags = nil
	err := write(nil)
	if err == nil {
		b.refusesTags.Store(true)
	}
	return m, objstore.FieldTags, err
}

// refusesTags tells whether the tags may be why a write was refused.
func refusesTags(err error) bool {
	return refused(err) || bloberror.HasCode(err, noTagsInHierarchies, bloberror.FeatureVersionMismatch)
}

// tags returns the tags of a blob that has some, at this version. To a caller who
// may not see them they are lost.
func (b *bucket) tags(ctx context.Context, key string, version objstore.Version) (_ map[string]string, lost objstore.Fields, _ error) {
	out, err := b.blob(key).GetTags(ctx, &blob.GetTagsOptions{BlobModifiedAccessConditions: ifTagged(version)})
	if refusesTags(err) {
		return nil, objstore.FieldTags, nil
	}
	if err != nil {
		return nil, 0, err
	}
	tags := make(map[string]string, len(out.BlobTagSet))
	for _, tag := range out.BlobTagSet {
		tags[deref(tag.Key)] = deref(tag.Value)
	}
	return tags, 0, nil
}
