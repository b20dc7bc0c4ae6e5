// Package s3 is a bucket of Amazon S3, or of any store that speaks its
// protocol, on the AWS SDK.
//
// # Checksums
//
// Every write carries the CRC32C that the reader computed, so the store
// refuses bytes that were changed on the way, and a staged write asks for a
// checksum of the whole object (FULL_OBJECT), so that the store itself compares
// it at Commit and reports it at Stat. Stores that lack one or both are found
// out by their answers, and remembered: see checksums.go. The SDK's own
// checksums are off wherever the endpoint is not Amazon's, for many stores
// refuse them.
//
// # Keys
//
// Keys are literal. Listings are asked for in URL encoding, because XML cannot
// hold every key, and decoded once. Nothing cleans the path of a request; a
// store that does so itself is outside our reach.
//
// # Retries
//
// The SDK repeats what is safe to repeat, three attempts within a few seconds.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Limits of Amazon S3. Other stores have the same parts; where one allows
// less, it says so when it is asked.
const (
	minPart   = 5 << 20
	maxPart   = 5 << 30
	maxParts  = 10_000
	maxObject = maxParts * maxPart // 48.8 TiB since December 2025
)

// defaultCheckTimeout is how long Check waits for an endpoint that accepts
// connections and says nothing.
const defaultCheckTimeout = 10 * time.Second

type bucket struct {
	name      string
	client    *s3.Client
	transport *http.Transport

	checkTimeout time.Duration

	plainPuts  atomic.Bool  // the store refuses a checksum with a Put
	stagedMode atomic.Int32 // the strongest checksumMode that is known to work
}

// Open returns the bucket cfg.Bucket. It reads the environment and profile
// files that the SDK reads, and contacts nothing.
func Open(ctx context.Context, cfg objstore.Config) (objstore.Bucket, error) {
	b := &bucket{name: cfg.Bucket, checkTimeout: defaultCheckTimeout}
	client, transport, err := newClient(ctx, cfg)
	if err != nil {
		return nil, &objstore.Error{Op: "open", Bucket: b.url(), Kind: objstore.KindInvalid, Err: err}
	}
	b.client, b.transport = client, transport
	return b, nil
}

// url is the bucket as a user writes it.
func (b *bucket) url() string { return "s3://" + b.name }

// Check lists at most one key: unlike HeadBucket its refusal has a body, and
// so a reason.
func (b *bucket) Check(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, b.checkTimeout)
	defer cancel()
	out, err := b.client.ListObjectsV2(limited, &s3.ListObjectsV2Input{Bucket: &b.name, MaxKeys: aws.Int32(1)})
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return &objstore.Error{Op: "check", Bucket: b.url(), Kind: objstore.KindUnreachable, Err: fmt.Errorf("no answer within %v", b.checkTimeout)}
	case err != nil:
		return b.fail("check", "", err)
	case out.IsTruncated == nil:
		return b.fail("check", "", errNotS3)
	}
	return nil
}

// errNotS3 is for answers that are a success and yet not S3's, as a proxy or a
// web server gives them.
var errNotS3 = &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the endpoint's answer is not that of an S3 store; check the endpoint")}

func (b *bucket) Limits() objstore.Limits {
	return objstore.Limits{MinPart: minPart, MaxPart: maxPart, MaxParts: maxParts, MaxPut: maxPart, MaxObject: maxObject, Buffered: true}
}

func (b *bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// checkKey refuses the keys that no S3 store can hold. The rest is for the
// store to say.
func (b *bucket) checkKey(op, key string) error {
	var err error
	switch {
	case key == "":
		err = errors.New("the key is empty")
	case !utf8.ValidString(key):
		err = errors.New("the key is not valid UTF-8")
	default:
		return nil
	}
	return b.failKind(op, key, objstore.KindInvalid, err)
}
