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
// The checksums of a source that has others than CRC32C (Amazon adds CRC64NVME
// to what comes without) are not looked at: Amazon reports them for reads of
// whole objects without a range only. TLS guards such a read, and from here on
// our CRC32C does.
//
// # Regions
//
// A request that reaches the wrong region of Amazon is repeated in the bucket's
// own, see region.go, so a region need not be configured.
//
// # Metadata
//
// Tags are kept as tags, one more request for an object that has some. Time of
// modification, mode and symbolic link are user metadata, as rclone has them.
// Without access to the tags of an object its Stat fails, and so does a read of
// the whole: they are not dropped silently.
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
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
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
	name    string
	classes map[string]string // Config.StorageClasses
	kmsKey  string
	run     string // Config.Run

	client    *s3.Client
	transport *http.Transport
	amazon    bool // the endpoint is Amazon's
	identity  identity
	accepted  atomic.Bool // the store has taken the credentials

	checkTimeout time.Duration
	patience     httpstore.Patience

	plainPuts  atomic.Bool  // the store refuses a checksum with a Put
	stagedMode atomic.Int32 // the strongest checksumMode that is known to work
}

// Open returns the bucket cfg.Bucket. It reads the environment and profile
// files that the SDK reads, and contacts nothing.
func Open(ctx context.Context, cfg objstore.Config) (objstore.Bucket, error) {
	return openWith(ctx, cfg, httpstore.DefaultPatience)
}

func openWith(ctx context.Context, cfg objstore.Config, patience httpstore.Patience) (*bucket, error) {
	b := &bucket{name: cfg.Bucket, classes: cfg.StorageClasses, kmsKey: cfg.KMSKey, run: cfg.Run, checkTimeout: defaultCheckTimeout, patience: patience}
	if err := b.connect(ctx, cfg); err != nil {
		return nil, &objstore.Error{Op: "open", Bucket: b.url(), Kind: objstore.KindInvalid, Err: err}
	}
	return b, nil
}

// url is the bucket as a user writes it.
func (b *bucket) url() string { return "s3://" + b.name }

// Check lists at most one key: unlike HeadBucket its refusal has a body, and
// so a reason.
func (b *bucket) Check(ctx context.Context) (objstore.About, error) {
	limited, cancel := context.WithTimeout(ctx, b.checkTimeout)
	defer cancel()
	out, err := b.client.ListObjectsV2(limited, &s3.ListObjectsV2Input{Bucket: &b.name, MaxKeys: aws.Int32(1)})
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return objstore.About{}, &objstore.Error{Op: "check", Bucket: b.url(), Kind: objstore.KindUnreachable, Err: fmt.Errorf("no answer within %v", b.checkTimeout)}
	case err != nil:
		return objstore.About{}, b.fail("check", "", err)
	case out.IsTruncated == nil:
		return objstore.About{}, b.fail("check", "", errNotS3)
	}
	return objstore.About{Regions: b.regions(limited)}, nil
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
