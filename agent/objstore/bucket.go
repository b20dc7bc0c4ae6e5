package objstore

import (
	"context"
	"io"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
)

// Bucket is one bucket (container, directory tree) of a store.
//
// All methods are safe for concurrent use, stop when ctx ends, and answer with
// an *Error whose Kind says what a caller may do about it. Providers retry
// nothing that is not safe to repeat, and nothing forever: the transfer retries
// whole chunks by other routes, so a provider's own retries only smooth out
// hiccups of seconds.
//
// Keys are literal: nothing is decoded, cleaned or joined. A key that the
// store cannot hold is KindInvalid.
type Bucket interface {
	// Check tells whether the bucket exists and answers this caller, and what
	// there is to know of it before anything is written.
	Check(ctx context.Context) (About, error)

	// List calls yield for every object whose key starts with prefix and comes
	// behind after in the store's order, in that order, in constant memory
	// however many there are. After an error, List goes on where it stopped
	// when after is the last key that was yielded. Providers list several parts
	// of the prefix at once where that is quicker. It returns nil only after
	// the store said that the listing is complete: an error in the middle is an
	// error, never a short listing. An error of yield ends the listing and is
	// returned as it is. Listed objects may lack CRC32C and Metadata.
	List(ctx context.Context, prefix, after string, yield func(Object) error) error

	// Stat returns the object with everything the store knows of it.
	Stat(ctx context.Context, key string) (Object, error)

	// Open reads a range of the object at the given version. If the object no
	// longer has that version the error is KindPrecondition; the reader never
	// yields a mixture of versions. The empty version reads whatever is there.
	// A range that reaches beyond the object is KindPrecondition too. The
	// Object comes from the same answer as the bytes: for a range that spans
	// the whole object its Metadata is complete.
	Open(ctx context.Context, key string, version Version, r chunk.Range) (io.ReadCloser, Object, error)

	// Put writes a whole object in one step; nobody ever sees a part of it and
	// the previous object stays until the new one is durable. It returns the
	// object as the store's answer describes it, with CRC32C if the store
	// computes or checks one; Modified may be zero. Putting the same bytes
	// twice is harmless.
	Put(ctx context.Context, key string, body Body, meta Metadata) (Object, error)

	// Keeps returns what of m the store would keep, and the fields it would
	// lose. Put and Begin take what Keeps returned; anything beyond is
	// KindInvalid. It contacts nothing.
	Keeps(m Metadata) (kept Metadata, lost Fields)

	// Begin starts a staged write of an object of size bytes. Nothing is
	// visible under key until Commit.
	Begin(ctx context.Context, key string, size int64, meta Metadata) (Upload, error)

	// WritePart writes one part of a staged write, durably. Several gateways
	// may write parts of one upload at once (file: from one host). Writing the
	// same part again replaces it.
	WritePart(ctx context.Context, up Upload, part Part, body Body) (PartRef, error)

	// Parts lists the parts that the store holds of a staged write, in order.
	// KindNotFound means that the upload does not exist, or no longer;
	// KindUnsupported that it exists and the store cannot tell its parts
	// (file), so that the journal alone knows them.
	Parts(ctx context.Context, up Upload) ([]PartRef, error)

	// Commit makes the object visible, all at once, from parts in order of
	// their numbers. It is idempotent: where the reply to an earlier commit
	// was lost, the object is recognised by size and digest and returned. The
	// digest is that of the whole object; where it is not that of the parts
	// nothing becomes visible. A part without a digest is KindInvalid if the
	// store itself cannot compare. Like Put's, the Object may lack Modified.
	Commit(ctx context.Context, up Upload, parts []PartRef, size int64, digest chunk.Digest) (Object, error)

	// Abort gives up a staged write and leaves no part of it behind. Aborting
	// what does not exist is no error.
	Abort(ctx context.Context, up Upload) error

	// Uploads lists the staged writes of exactly this key that were begun at
	// since or later (the store's clock decides, a minute of difference is
	// allowed for) and neither committed nor aborted, so that what a crash left
	// before anybody noted its name can be given up. It lists only what this
	// caller, or this run, may have begun where the store tells.
	Uploads(ctx context.Context, key string, since time.Time) ([]Upload, error)

	// Delete removes the object. Deleting what does not exist is no error.
	Delete(ctx context.Context, key string) error

	// Limits are fixed for the life of the Bucket.
	Limits() Limits

	// Close releases connections and files.
	Close() error
}

// Omitter is implemented by a Bucket in which there may be things that can be
// no objects (file: named pipes, sockets, devices). Omitted says what listings
// have left out since the bucket was opened, one line each, a few of many.
type Omitter interface {
	Omitted() []string
}

// Sweeper is implemented by a Bucket in which a process that is killed leaves
// something of a Put behind (file: a temporary beside the key). Sweep removes
// what processes of Config.Run left in these directories, each empty or ending
// in a slash; one that does not exist is no error. It is for when nothing that
// the run still needs is under way: also staged writes are given up. A Bucket
// that only passes it on answers KindUnsupported for one that has none.
type Sweeper interface {
	Sweep(ctx context.Context, dirs []string) error
}

// Version pins a read to the bytes that were listed: an ETag, a generation, or
// for stores without either, size and modification time. It is opaque and
// compares with ==.
type Version string

// Object is what a store says of one key.
type Object struct {
	Key      string
	Size     int64 // bytes
	Version  Version
	Modified time.Time
	CRC32C   *chunk.Digest // of the whole object, if the store reports it
	Metadata Metadata

	// Lost is set by Put and Commit: metadata that Keeps returned and the store
	// refused, where the object was written without it (Azure: tags, which need
	// a permission of their own). Stat, and Open of the whole object, set it to
	// what the object has and the store does not show this caller.
	Lost Fields
}

// About is what a store says of a bucket.
type About struct {
	// Regions are the cloud's own names of where the bucket is, lower case:
	// one, or several for a bucket that spans them. Nil where the endpoint has
	// no such notion.
	Regions []string

	// Warnings are for the user, one sentence each: what writing here will cost
	// or leave behind that he may not expect.
	Warnings []string

	// Hidden are warnings too: what a copy from here will lack, because the
	// store does not show it to this caller.
	Hidden []string
}

// Metadata travels with an object where both sides know the field.
type Metadata struct {
	ContentType        string            `json:"content_type,omitempty"`
	ContentEncoding    string            `json:"content_encoding,omitempty"`
	ContentDisposition string            `json:"content_disposition,omitempty"`
	ContentLanguage    string            `json:"content_language,omitempty"`
	CacheControl       string            `json:"cache_control,omitempty"`
	User               map[string]string `json:"user,omitempty"`
	Tags               map[string]string `json:"tags,omitempty"`

	// StorageClass is the store's own name of it; empty is its default. A
	// destination takes what Config.StorageClasses makes of the source's.
	StorageClass string `json:"storage_class,omitempty"`

	// Modified is when the content was last modified, as a file system or an
	// earlier copy recorded it; zero if nobody did. Object stores keep it as
	// user metadata "mtime" in the form that rclone uses there.
	Modified time.Time `json:"modified,omitzero"`

	// Mode are the permission bits of a file, 0 if there are none to keep.
	// Object stores keep them as user metadata "mode" (octal), as rclone does.
	Mode uint32 `json:"mode,omitempty"`

	// Link is the target of a symbolic link, which has no bytes. Object stores
	// keep it as user metadata "skyctl-symlink".
	Link string `json:"link,omitempty"`
}

// Body is the content of an object or part: exactly Size bytes.
//
// If Limits().Buffered is true the caller must give Bytes and Digest, so that
// the provider can repeat the request and let the store check it. Otherwise
// Reader may be given instead, and is consumed as it arrives; an error from it,
// or fewer bytes than Size, must leave nothing visible. The provider then
// computes the digest itself.
type Body struct {
	Size   int64
	Bytes  []byte
	Digest chunk.Digest // of Bytes
	Reader io.Reader    // when Bytes is nil and Size is not 0
}

// Upload names a staged write. It is plain data: it is journaled, and any
// process that has the same bucket open may continue or abort the upload.
type Upload struct {
	Key  string `json:"key"`
	ID   string `json:"id"`
	Size int64  `json:"size"`
}

// Part places bytes in a staged write. Numbers start at 0 and are dense;
// Offset is where the part starts in the object.
type Part struct {
	Number int32
	Offset int64
}

// PartRef is a part that the store holds. Token is what the store wants back
// at Commit (S3: the part's ETag).
type PartRef struct {
	Number int32         `json:"number"`
	Size   int64         `json:"size"`
	Digest *chunk.Digest `json:"digest,omitempty"`
	Token  string        `json:"token,omitempty"`
}

// Limits of a store, in bytes and counts. Zero means no limit.
type Limits struct {
	MinPart   int64 // except the last part
	MaxPart   int64
	MaxParts  int32
	MaxPut    int64
	MaxObject int64
	Buffered  bool // bodies must be given as Bytes
}

// Config says how to reach a bucket. It holds credentials and therefore
// travels only over the control channel, and lives only in memory.
type Config struct {
	Type        string            `json:"type"`               // "s3", "gcs", "azblob", "file", "mem"
	Bucket      string            `json:"bucket"`             // file: the absolute path of the root directory
	Endpoint    string            `json:"endpoint,omitempty"` // empty: the cloud's own
	Region      string            `json:"region,omitempty"`   // the cloud's name of it, without CLOUD:
	PathStyle   bool              `json:"path_style,omitempty"`
	Credentials map[string]string `json:"credentials,omitempty"` // keys as in the configuration; empty: as the SDK finds them
	Run         string            `json:"run,omitempty"`         // names temporary objects; empty: something random

	// Expires is when Credentials end, zero if they do not. Whoever spelled
	// them out spells them out again before.
	Expires time.Time `json:"expires,omitzero"`

	// StorageClasses maps the source's storage class to the one that is written
	// here; "*" stands for every class that is not named, the default included.
	StorageClasses map[string]string `json:"storage_classes,omitempty"`

	KMSKey        string   `json:"kms_key,omitempty"`        // s3: encrypt what is written with this key
	RequesterPays bool     `json:"requester_pays,omitempty"` // s3, gcs: this caller pays for requests and traffic
	Symlinks      Symlinks `json:"symlinks,omitempty"`       // file
}

// Scope is what delegated credentials are for, where a store can limit them to
// that.
type Scope struct {
	Prefix string // of the keys
	Exact  bool   // Prefix is the one key, and none that begins with it is meant
	Write  bool   // not only reading
	Role   string // s3 at Amazon: the ARN of the role to take on for it; empty: none
}

// Symlinks says what a source of files makes of symbolic links.
type Symlinks string

const (
	SymlinksSkip   Symlinks = "skip"   // leave them out
	SymlinksFollow Symlinks = "follow" // what they point to, as if it were there; the default
	SymlinksCopy   Symlinks = "copy"   // the links themselves
)
