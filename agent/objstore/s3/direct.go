package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

// directly is the length in bytes up to which objects are read and written
// without the SDK's chain of some forty handlers a request. For a small object
// they cost more processor time than all the rest of its transfer.
const directly = 1 << 20

// direct makes the requests of which a small object needs one each, with the
// SDK's signer, credentials and HTTP client, and for the endpoint that the SDK
// found for an earlier request: see follower. It knows success only. Any other
// answer is handed to the SDK as if it had asked itself (see handed), so there
// is one place that retries, follows regions and reads errors.
type direct struct {
	client      *http.Client
	credentials aws.CredentialsProvider
	signer      *v4.Signer
	follower    *follower
	unsigned    bool // payloads are not hashed to sign them
	payer       bool // x-amz-request-payer
}

// newSigner is a signer as S3, which alone escapes paths once, wants it.
func newSigner() *v4.Signer {
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
}

// get is the SDK's GetObject, for a range of length bytes.
func (b *bucket) get(ctx context.Context, in *s3.GetObjectInput, length int64) (*s3.GetObjectOutput, error) {
	var h handed
	defer h.close()
	if length <= directly {
		header := http.Header{}
		set(header, "Range", in.Range)
		set(header, "If-Match", in.IfMatch)
		if in.ChecksumMode != "" {
			header.Set("X-Amz-Checksum-Mode", string(in.ChecksumMode))
		}
		h = b.direct.do(ctx, http.MethodGet, *in.Key, header, nil)
		if out := h.object(); out != nil {
			return out, nil
		}
	}
	return b.client.GetObject(ctx, in, h.option)
}

// putObject is the SDK's PutObject, of body.
func (b *bucket) putObject(ctx context.Context, in *s3.PutObjectInput, body []byte) (*s3.PutObjectOutput, error) {
	var h handed
	defer h.close()
	if len(body) <= directly {
		header := http.Header{"Content-Type": {"application/octet-stream"}}
		set(header, "Content-Type", in.ContentType)
		set(header, "Content-Encoding", in.ContentEncoding)
		set(header, "Content-Disposition", in.ContentDisposition)
		set(header, "Content-Language", in.ContentLanguage)
		set(header, "Cache-Control", in.CacheControl)
		for name, value := range in.Metadata {
			header.Set(userPrefix+name, value)
		}
		set(header, "X-Amz-Tagging", in.Tagging)
		set(header, "X-Amz-Storage-Class", optional(string(in.StorageClass)))
		set(header, "X-Amz-Server-Side-Encryption", optional(string(in.ServerSideEncryption)))
		set(header, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", in.SSEKMSKeyId)
		set(header, checksumHeader, in.ChecksumCRC32C)
		h = b.direct.do(ctx, http.MethodPut, *in.Key, header, body)
		if out := h.written(); out != nil {
			return out, nil
		}
	}
	in.Body = bytes.NewReader(body)
	return b.client.PutObject(ctx, in, h.option)
}

const (
	userPrefix     = "X-Amz-Meta-"
	checksumHeader = "X-Amz-Checksum-Crc32c"
	serviceName    = "s3" // in signatures
)

// do sends one request. It sends none where the SDK has to find out first.
func (d *direct) do(ctx context.Context, method, key string, header http.Header, body []byte) handed {
	at := d.follower.endpoint()
	if at == nil {
		return handed{}
	}
	credentials, err := d.credentials.Retrieve(ctx)
	if err != nil {
		return handed{} // the SDK will say it
	}
	url := at.url
	url.Path += "/" + key
	url.RawPath += "/" + httpbinding.EscapePath(key, false)
	hash := unsignedPayload
	if !d.unsigned {
		sum := sha256.Sum256(body)
		hash = hex.EncodeToString(sum[:])
	}
	header.Set("X-Amz-Content-Sha256", hash)
	header.Set("User-Agent", "skyctl")
	if d.payer {
		header.Set(payerHeader, payerValue)
	}
	r := (&http.Request{Method: method, URL: &url, Host: url.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if len(body) > 0 { // else it says a length of 0, as it should
		r.ContentLength = int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.Body, _ = r.GetBody() // never an error
	}
	if err := d.signer.SignHTTP(ctx, credentials, r, hash, serviceName, at.signed, time.Now()); err != nil {
		return handed{}
	}
	response, err := d.client.Do(r)
	if err == nil && response.Header.Get(regionHeader) != "" && response.StatusCode/100 != 2 {
		// The SDK is to find out by itself that it asks the wrong region.
		discard(response)
		return handed{}
	}
	return handed{asked: true, response: response, err: err}
}

const unsignedPayload = "UNSIGNED-PAYLOAD"

// handed is the answer to a request that was made directly, for the SDK to
// take as that to its own first attempt.
type handed struct {
	asked    bool
	response *http.Response
	err      error
}

// option makes the SDK's next request get this answer, and those after it ask.
func (h *handed) option(o *s3.Options) {
	if h.asked {
		o.HTTPClient = &answered{handed: h, HTTPClient: o.HTTPClient}
	}
}

type answered struct {
	*handed
	s3.HTTPClient
}

func (a *answered) Do(r *http.Request) (*http.Response, error) {
	if !a.asked {
		return a.HTTPClient.Do(r)
	}
	response, err := a.response, a.err
	*a.handed = handed{}
	if response != nil {
		response.Request = r
	}
	return response, err
}

// close lets go of an answer that nobody took.
func (h *handed) close() {
	if h.response != nil {
		discard(h.response)
	}
	*h = handed{}
}

// discard reads the rest of an answer, if it is short, so that the connection
// can serve again.
func discard(response *http.Response) {
	io.CopyN(io.Discard, response.Body, 4<<10)
	response.Body.Close()
}

// written is the answer to a PutObject, nil if it is not plainly a success:
// one with a body may hold an error.
func (h *handed) written() *s3.PutObjectOutput {
	if h.response == nil || h.response.StatusCode != http.StatusOK || h.response.ContentLength != 0 {
		return nil
	}
	header := h.response.Header
	h.close()
	return &s3.PutObjectOutput{
		ETag:           value(header, "Etag"),
		ChecksumCRC32C: value(header, checksumHeader),
		ChecksumType:   types.ChecksumType(header.Get("X-Amz-Checksum-Type")),
	}
}

// object is the answer to a GetObject, nil if it is not plainly a success. It
// has what opened looks at.
func (h *handed) object() *s3.GetObjectOutput {
	if h.response == nil || h.response.StatusCode != http.StatusOK && h.response.StatusCode != http.StatusPartialContent {
		return nil
	}
	header := h.response.Header
	tags, err := strconv.ParseInt(header.Get("X-Amz-Tagging-Count"), 10, 32)
	if err != nil && header.Get("X-Amz-Tagging-Count") != "" {
		return nil
	}
	modified, err := http.ParseTime(header.Get("Last-Modified"))
	if err != nil && header.Get("Last-Modified") != "" {
		return nil
	}
	out := &s3.GetObjectOutput{
		ContentRange:       value(header, "Content-Range"),
		ETag:               value(header, "Etag"),
		ContentType:        value(header, "Content-Type"),
		ContentEncoding:    value(header, "Content-Encoding"),
		ContentDisposition: value(header, "Content-Disposition"),
		ContentLanguage:    value(header, "Content-Language"),
		CacheControl:       value(header, "Cache-Control"),
		StorageClass:       types.StorageClass(header.Get("X-Amz-Storage-Class")),
		ChecksumCRC32C:     value(header, checksumHeader),
		ChecksumType:       types.ChecksumType(header.Get("X-Amz-Checksum-Type")),
		TagCount:           aws.Int32(int32(tags)),
		LastModified:       &modified,
		Body:               h.response.Body,
	}
	if h.response.ContentLength >= 0 {
		out.ContentLength = &h.response.ContentLength
	}
	for name, values := range header {
		if user, ok := strings.CutPrefix(name, userPrefix); ok && len(values) > 0 {
			if out.Metadata == nil {
				out.Metadata = map[string]string{}
			}
			out.Metadata[strings.ToLower(user)] = strings.TrimSpace(values[0])
		}
	}
	*h = handed{} // the body is out's
	return out
}

func set(header http.Header, name string, value *string) {
	if value != nil {
		header.Set(name, *value)
	}
}

func value(header http.Header, name string) *string {
	if len(header[name]) == 0 {
		return nil
	}
	return &header[name][0]
}
