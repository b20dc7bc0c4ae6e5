package gcs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// temporary starts the names of all temporary objects.
const temporary = ".skyctl/"

// parallel is how many requests a commit or abort has under way.
const parallel = 16

// maxUpload bounds the size in bytes of an upload object that is believed.
const maxUpload = 1 << 20

var errNoUpload = &objstore.Error{Kind: objstore.KindNotFound, Err: errors.New("the upload does not exist, or no longer")}

// uploadID is what Begin makes: RUN/KEY-RANDOM, with KEY as folderPrefix makes
// it. Objects are deleted by it, so nothing else is taken for one.
var uploadID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}/[A-Z2-7]{26}-[A-Z2-7]{26}$`)

// folderPrefix starts the IDs of this run's uploads of a key. The key itself
// would make names too long.
func (b *bucket) folderPrefix(key string) string {
	sum := sha256.Sum256([]byte(key))
	return b.run + "/" + base32.StdEncoding.EncodeToString(sum[:])[:26] + "-"
}

// folder names the temporary objects of an upload.
type folder string

func folderOf(up objstore.Upload) (folder, bool) {
	return folder(temporary + up.ID + "/"), uploadID.MatchString(up.ID)
}

func (f folder) upload() string { return string(f) + "upload" }

func (f folder) parts() string { return string(f) + "part/" }

func (f folder) part(number int32) string { return fmt.Sprintf("%s%010d", f.parts(), number) }

func (f folder) node(level, number int) string {
	return fmt.Sprintf("%stree/%d/%010d", f, level, number)
}

// upload is the content of the upload object: what Commit must know, whoever
// calls it.
type upload struct {
	Key      string            `json:"key"`
	Size     int64             `json:"size"`
	Replaces int64             `json:"replaces"` // the generation under Key at Begin, 0 if there was none
	Metadata objstore.Metadata `json:"metadata"`
}

func (b *bucket) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (objstore.Upload, error) {
	if err := b.checkKey("begin", key); err != nil {
		return objstore.Upload{}, err
	}
	if err := checkMetadata(meta); err != nil {
		return objstore.Upload{}, b.failKind("begin", key, objstore.KindInvalid, err)
	}
	u := upload{Key: key, Size: size, Metadata: meta}
	a, err := b.handle.Object(key).Attrs(ctx)
	switch {
	case err == nil:
		u.Replaces = a.Generation
	case !noObject(err):
		return objstore.Upload{}, b.fail("begin", key, err)
	}
	content, err := json.Marshal(u)
	if err != nil {
		return objstore.Upload{}, b.failKind("begin", key, objstore.KindInvalid, err)
	}
	up := objstore.Upload{Key: key, ID: b.folderPrefix(key) + rand.Text(), Size: size}
	f, _ := folderOf(up)
	body := objstore.Body{Size: int64(len(content)), Bytes: content, Digest: chunk.Sum(content)}
	made, err := b.insert(ctx, b.handle.Object(f.upload()), body, temporaryAttrs(f.upload()))
	if err == nil {
		err = removable(made)
	}
	if err != nil {
		return objstore.Upload{}, b.fail("begin", key, err)
	}
	return up, nil
}

// removable refuses to stage anything in a bucket that would keep it, before
// there is more to keep than the upload object.
func removable(a *storage.ObjectAttrs) error {
	const remedy = "temporary parts could not be removed; write into a bucket without one, or in chunks as large as the object"
	switch {
	case !a.RetentionExpirationTime.IsZero():
		return &objstore.Error{Kind: objstore.KindPermission, Err: fmt.Errorf(
			"the bucket's retention policy keeps what is written until %s, so %s", a.RetentionExpirationTime.UTC().Format(time.RFC3339), remedy)}
	case a.EventBasedHold, a.TemporaryHold:
		return &objstore.Error{Kind: objstore.KindPermission, Err: errors.New("the bucket puts a hold on what is written, so " + remedy)}
	}
	return nil
}

// temporaryAttrs are those of temporary objects. They are all of one class, or
// could not be composed, and of the one that has no minimal duration.
func temporaryAttrs(name string) storage.ObjectAttrs {
	return storage.ObjectAttrs{Name: name, StorageClass: standard}
}

// uploadOf reads the upload object, which must describe up. The error is
// errNoUpload if it is gone.
func (b *bucket) uploadOf(ctx context.Context, up objstore.Upload) (folder, upload, error) {
	f, u, err := b.describedUpload(ctx, up)
	if err == nil && (u.Key != up.Key || u.Size != up.Size) {
		err = &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("%s does not describe this upload", f.upload())}
	}
	return f, u, err
}

func (b *bucket) describedUpload(ctx context.Context, up objstore.Upload) (folder, upload, error) {
	var u upload
	f, ok := folderOf(up)
	if !ok {
		return f, u, errNoUpload
	}
	r, err := b.handle.Object(f.upload()).NewReader(oneRead(ctx))
	if noObject(err) {
		return f, u, errNoUpload
	}
	if err != nil {
		return f, u, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxUpload))
	if err != nil {
		return f, u, err
	}
	if err := json.Unmarshal(content, &u); err != nil {
		return f, u, &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("%s does not describe an upload", f.upload())}
	}
	return f, u, nil
}

// WritePart looks for the upload after it has written: whoever ends the upload
// deletes that object first and lists the parts then, so the part is either
// listed there or deleted here.
func (b *bucket) WritePart(ctx context.Context, up objstore.Upload, part objstore.Part, body objstore.Body) (objstore.PartRef, error) {
	if e := checkBody(body); e != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, e)
	}
	f, ok := folderOf(up)
	if !ok {
		return objstore.PartRef{}, b.fail("write part", up.Key, errNoUpload)
	}
	if part.Number < 0 {
		return objstore.PartRef{}, b.failKind("write part", up.Key, objstore.KindInvalid, fmt.Errorf("the part's number is %d", part.Number))
	}
	name := f.part(part.Number)
	if _, err := b.insert(ctx, b.handle.Object(name), body, temporaryAttrs(name)); err != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, err)
	}
	_, err := b.handle.Object(f.upload()).Attrs(ctx)
	if noObject(err) {
		if err = b.handle.Object(name).Delete(ctx); err == nil || noObject(err) {
			err = errNoUpload
		}
	}
	if err != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, err)
	}
	digest := body.Digest
	return objstore.PartRef{Number: part.Number, Size: body.Size, Digest: &digest}, nil
}

// Parts also completes an Abort that was cut short, for whoever learns that
// the upload is gone aborts it no more.
func (b *bucket) Parts(ctx context.Context, up objstore.Upload) ([]objstore.PartRef, error) {
	f, _, err := b.uploadOf(ctx, up)
	if err == errNoUpload {
		err = errors.Join(err, b.Abort(ctx, up))
	}
	if err != nil {
		return nil, b.fail("list parts", up.Key, err)
	}
	it, err := b.listing(ctx, f.parts())
	if err != nil {
		return nil, b.fail("list parts", up.Key, err)
	}
	var refs []objstore.PartRef
	for {
		a, err := it.Next()
		if err == iterator.Done {
			return refs, nil
		}
		if err != nil {
			return nil, b.fail("list parts", up.Key, err)
		}
		var number int32
		if _, err := fmt.Sscanf(a.Name, f.parts()+"%d", &number); err != nil {
			return nil, b.failKind("list parts", up.Key, objstore.KindCorrupt, fmt.Errorf("%s is no part", a.Name))
		}
		refs = append(refs, objstore.PartRef{Number: number, Size: a.Size, Digest: digestOf(a.CRC32C, a.Size)})
	}
}

func (b *bucket) Abort(ctx context.Context, up objstore.Upload) error {
	f, ok := folderOf(up)
	if !ok {
		return nil
	}
	return b.fail("abort", up.Key, b.clean(ctx, f))
}

// clean deletes all temporary objects of an upload, the upload object first.
// In a bucket that keeps old generations it deletes those too.
func (b *bucket) clean(ctx context.Context, f folder) error {
	if err := b.handle.Object(f.upload()).Delete(ctx); err != nil && !noObject(err) {
		return err
	}
	query := &storage.Query{Prefix: string(f), Projection: storage.ProjectionNoACL, Versions: true}
	if err := query.SetAttrSelection([]string{"Name", "Generation"}); err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	var listed error
	for it := b.handle.Objects(oneListing(gctx), query); ; {
		a, err := it.Next()
		if err != nil {
			if err != iterator.Done {
				listed = err
			}
			break
		}
		group.Go(func() error {
			err := b.handle.Object(a.Name).Generation(a.Generation).Delete(gctx)
			if noObject(err) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return listed
}
