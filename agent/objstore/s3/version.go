package s3

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/skyctl/skyctl/agent/objstore"
)

// unnamed starts the versions of objects without an ETag.
const unnamed = "@"

// versionOf is the ETag, in quotes as If-Match wants it: not all stores write
// them into their XML. Without an ETag it is size and second of modification.
func versionOf(etag *string, size int64, modified *time.Time) objstore.Version {
	if e := aws.ToString(etag); strings.HasPrefix(e, "W/") {
		return objstore.Version(e)
	} else if e = strings.Trim(e, `"`); e != "" {
		return objstore.Version(`"` + e + `"`)
	}
	return objstore.Version(fmt.Sprintf("%s%d-%d", unnamed, size, aws.ToTime(modified).Unix()))
}

// madeVersion is the version of what a write of size bytes has made, empty, for
// whatever is there, if its answer has no ETag: nor has it a time.
func madeVersion(etag *string, size int64) objstore.Version {
	if v := versionOf(etag, size, nil); !strings.HasPrefix(string(v), unnamed) {
		return v
	}
	return ""
}

// ifMatch is what a request can ask the store to compare.
func ifMatch(v objstore.Version) *string {
	if v == "" || strings.HasPrefix(string(v), unnamed) {
		return nil
	}
	return aws.String(string(v))
}
