// Package gcs is a bucket of Google Cloud Storage on Google's SDK, over its
// JSON API and HTTP/1.1.
//
// # Versions
//
// A version is a generation. Reads are pinned to it by a precondition, and the
// generation of the answer is compared besides, so that a bucket that keeps
// old generations is treated as one that does not: an object that was replaced
// is no longer the object that was listed.
//
// # Staged writes
//
// The client has no multipart upload, so a staged write is objects below
// .skyctl/RUN/KEY-ID/, with KEY a digest of the key, that Commit composes:
//
//	upload          what is being written: key, generation to replace, metadata
//	part/NUMBER     a part
//	tree/L/NUMBER   up to 32 neighbours of level L-1, composed
//
// The last composition makes the object, under the precondition that the key
// holds the generation that Begin saw, or none. Each composition carries the
// CRC32C of its result, names the generations of its sources, and deletes
// them: what goes this way is not kept by soft delete, while what Abort deletes
// is; Check warns of that. Temporary objects are of class STANDARD, which has no
// minimal duration. The upload object exists exactly as long as the upload: it
// is the first to be deleted, and who writes a part looks for it afterwards, so
// that no late part stays behind. Uploads lists the names that start with run
// and key.
//
// Keys that start with .skyctl/ are therefore not for objects: List shows none
// and everything else refuses them.
//
// A bucket that retains its objects, by a retention policy or a default hold,
// does not let temporaries be deleted, and takes only what fits into one Put:
// Begin finds that out by its upload object, which stays.
//
// # Checksums
//
// Google computes the CRC32C of every object, also of a composed one, compares
// it with ours, and reports it.
//
// # Metadata
//
// What HTTP has no header for is user metadata: see httpstore.Fold. There are
// no tags of objects. The class STANDARD is said as none, for it is what is
// written without one unless the bucket has another default.
//
// # Where a bucket is
//
// The settings of the bucket say it, which needs storage.buckets.get; a
// multi-region or dual-region is all of its regions: see members.
//
// # Retries
//
// The SDK repeats what is safe to repeat, three attempts within a few seconds.
// It repeats no upload of a known length, and a broken read without end: see
// insert and maxReads.
//
// # What emulators cannot tell
//
// fake-gcs-server compares neither preconditions nor generations nor checksums
// when it composes, keeps the sources, answers a missing one with status 500,
// and knows no soft delete, retention, holds or credentials. That is tested
// with a fake of our own, and credential access boundaries with a fake token
// service. Nothing here has been run against Google itself.
package gcs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

const (
	maxObject  = 5 << 40 // bytes
	maxSources = 32      // of one composition
	maxKey     = 1024    // bytes
)

// runName is what may be part of the name of a temporary object.
var runName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

type bucket struct {
	name      string
	run       string
	client    *storage.Client
	handle    *storage.BucketHandle
	transport *http.Transport
	classes   map[string]string // Config.StorageClasses
	google    bool              // the endpoint is Google's own

	checkTimeout time.Duration
}

// Open returns the bucket cfg.Bucket. It contacts nothing: credentials are
// looked for when the first request needs them.
func Open(ctx context.Context, cfg objstore.Config) (objstore.Bucket, error) {
	return openWith(ctx, cfg, httpstore.DefaultPatience)
}

func openWith(ctx context.Context, cfg objstore.Config, patience httpstore.Patience) (objstore.Bucket, error) {
	b := &bucket{name: cfg.Bucket, run: cfg.Run, classes: cfg.StorageClasses, checkTimeout: defaultCheckTimeout}
	b.google = google(cmp.Or(cfg.Endpoint, emulator()))
	if b.run == "" {
		b.run = rand.Text()
	}
	if !runName.MatchString(b.run) {
		return nil, b.failKind("open", "", objstore.KindInvalid, fmt.Errorf("the run %q has other characters than letters, digits, '_' and '-'", b.run))
	}
	if err := checkClasses(b.classes); err != nil {
		return nil, b.failKind("open", "", objstore.KindInvalid, err)
	}
	var err error
	if b.client, b.transport, err = newClient(ctx, cfg, patience); err != nil {
		return nil, b.failKind("open", "", objstore.KindInvalid, err)
	}
	b.handle = b.client.Bucket(b.name)
	return b, nil
}

// url is the bucket as a user writes it.
func (b *bucket) url() string { return "gs://" + b.name }

func (b *bucket) Limits() objstore.Limits {
	return objstore.Limits{MaxPart: maxObject, MaxPut: maxObject, MaxObject: maxObject, Buffered: true}
}

func (b *bucket) Close() error {
	b.transport.CloseIdleConnections()
	return b.client.Close()
}

// checkKey refuses the names that Google documents as impossible; the
// emulator takes them.
func (b *bucket) checkKey(op, key string) error {
	var err error
	switch {
	case key == "":
		err = errors.New("the key is empty")
	case !utf8.ValidString(key):
		err = errors.New("the key is not valid UTF-8")
	case len(key) > maxKey:
		err = fmt.Errorf("the key has %d bytes, the store allows %d", len(key), maxKey)
	case strings.ContainsAny(key, "\r\n"):
		err = errors.New("the store allows no line breaks in a key")
	case key == ".", key == "..", strings.HasPrefix(key, ".well-known/acme-challenge/"):
		err = errors.New("the store reserves this key")
	case strings.HasPrefix(key, temporary):
		err = fmt.Errorf("keys that start with %s are for temporary objects of skyctl", temporary)
	default:
		return nil
	}
	return b.failKind(op, key, objstore.KindInvalid, err)
}
