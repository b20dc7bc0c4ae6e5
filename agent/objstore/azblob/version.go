package azblob

import (
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/skyctl/skyctl/agent/objstore"
)

// versionOf is the ETag, in quotes as If-Match wants it: listings have it
// without.
func versionOf(etag *azcore.ETag) objstore.Version {
	e := strings.Trim(string(deref(etag)), `"`)
	if e == "" {
		return ""
	}
	return objstore.Version(`"` + e + `"`)
}

// ifVersion is the condition that the blob has this version; empty is any.
func ifVersion(v objstore.Version) *blob.AccessConditions {
	if v == "" {
		return nil
	}
	etag := azcore.ETag(v)
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &etag}}
}

// ifAbsent is the condition that there is no blob.
func ifAbsent() *blob.AccessConditions {
	any := azcore.ETagAny
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &any}}
}

// ifTagged is ifVersion for requests about tags.
func ifTagged(v objstore.Version) *blob.BlobModifiedAccessConditions {
	etag := azcore.ETag(v)
	return &blob.BlobModifiedAccessConditions{IfMatch: &etag}
}
