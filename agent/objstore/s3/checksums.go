package s3

import (
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/skyctl/skyctl/agent/chunk"
)

// checksumMode is what a store does with the checksums of a staged write. It
// is part of the upload's ID, for whoever continues an upload must follow the
// mode in which it was begun, whatever that process knows of the store.
type checksumMode int32

const (
	modeWhole checksumMode = iota // parts, and the whole object at Commit
	modeParts                     // each part; the object's is a checksum of checksums
	modeNone                      // none
)

var modePrefixes = [...]string{modeWhole: "whole:", modeParts: "parts:", modeNone: "none:"}

// uploadID puts the mode in front of the store's own ID.
func (m checksumMode) uploadID(id string) string { return modePrefixes[m] + id }

// parseUploadID takes apart what uploadID made.
func parseUploadID(s string) (checksumMode, string, bool) {
	for m, prefix := range modePrefixes {
		if id, ok := strings.CutPrefix(s, prefix); ok {
			return checksumMode(m), id, true
		}
	}
	return 0, "", false
}

// agreedMode is what a store has agreed to by its answer to the creation of an
// upload. Stores that know nothing of checksums do not echo them.
func agreedMode(algorithm types.ChecksumAlgorithm, kind types.ChecksumType) checksumMode {
	switch {
	case algorithm != types.ChecksumAlgorithmCrc32c:
		return modeNone
	case kind == types.ChecksumTypeFullObject:
		return modeWhole
	}
	return modeParts
}

// refusesChecksum tells whether a store may have refused a request because of
// its checksum headers rather than because of its bytes.
func refusesChecksum(err error) bool {
	var api smithy.APIError
	var response *awshttp.ResponseError
	if !errors.As(err, &response) {
		return false
	}
	switch response.HTTPStatusCode() {
	case http.StatusNotImplemented:
		return true
	case http.StatusBadRequest:
		return errors.As(err, &api) && kinds[api.ErrorCode()] == 0 && strings.Contains(strings.ToLower(api.ErrorMessage()), "checksum")
	}
	return false
}

// wholeDigest is the CRC32C of the whole object, if that is what the store
// reports. A checksum of the parts' checksums looks the same but for its type
// and its suffix "-PARTS".
func wholeDigest(value *string, kind types.ChecksumType) *chunk.Digest {
	if value == nil || kind == types.ChecksumTypeComposite {
		return nil
	}
	d, err := chunk.ParseBase64(*value)
	if err != nil {
		return nil
	}
	return &d
}
