package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// kind is a store as its official SDK, or the file system, shows it: what
// skyctl carries is put and read here with code that is not skyctl's.
type kind struct {
	name  string // of the store in the configuration, and of the kind
	store string // the configuration's line of it
	keeps fields // of an object's metadata
	make  func(bucket string) error
	put   func(ctx context.Context, bucket, key string, o object) error

	// list returns all keys of a bucket, with the metadata that the listing
	// has; get completes one of these objects. Between them they ask the store
	// as little as can be: the emulators are slow.
	list func(ctx context.Context, bucket string) (map[string]object, error)
	get  func(ctx context.Context, bucket, key string, o object) (object, error)
}

// object is what a store holds under one key, with that part of its metadata
// which the test gives or expects.
type object struct {
	data        []byte
	contentType string
	user, tags  map[string]string
	modified    time.Time
	mode        fs.FileMode
}

// fields are those of an object that a kind of store can hold.
type fields struct{ contentType, user, tags, modified, mode bool }

func s3Kind(t *testing.T, w *world) kind {
	client := w.client(w.east)
	return kind{
		name: "s3", keeps: fields{contentType: true, user: true, tags: true},
		store: fmt.Sprintf(`{type: s3, endpoint: %q, region: "local:east", path_style: true, credentials: {access_key_id: %q, secret_access_key: %q}}`,
			w.east.Endpoint, w.east.AccessKey, w.east.SecretKey),
		make: func(bucket string) error {
			_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
			return err
		},
		put: func(ctx context.Context, bucket, key string, o object) error {
			var tags []string
			for k, v := range o.tags {
				tags = append(tags, k+"="+v)
			}
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(o.data),
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ContentType: &o.contentType, Metadata: o.user, Tagging: aws.String(strings.Join(tags, "&"))})
			return err
		},
		get: func(ctx context.Context, bucket, key string, o object) (object, error) {
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			if err != nil {
				return o, err
			}
			o.contentType, o.user, o.tags = aws.ToString(out.ContentType), out.Metadata, map[string]string{}
			if o.data, err = readAll(out.Body); err != nil || aws.ToInt32(out.TagCount) == 0 {
				return o, err
			}
			tagging, err := client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
			if err != nil {
				return o, err
			}
			for _, tag := range tagging.TagSet {
				o.tags[*tag.Key] = *tag.Value
			}
			return o, nil
		},
		list: func(ctx context.Context, bucket string) (map[string]object, error) {
			found := map[string]object{}
			pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return nil, err
				}
				for _, o := range page.Contents {
					found[*o.Key] = object{}
				}
			}
			return found, nil
		},
	}
}

func gcsKind(t *testing.T) kind {
	server := objstoretest.StartFakeGCS(t)
	client, err := storage.NewClient(t.Context(), option.WithEndpoint(server.Endpoint), option.WithoutAuthentication(), storage.WithJSONReads())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return kind{
		name: "gcs", keeps: fields{contentType: true, user: true},
		store: fmt.Sprintf(`{type: gcs, endpoint: %q, region: "local:mid"}`, server.Endpoint),
		make:  func(bucket string) error { server.Config(t, bucket); return nil },
		put: func(ctx context.Context, bucket, key string, o object) error {
			w := client.Bucket(bucket).Object(key).NewWriter(ctx)
			w.ContentType, w.Metadata = o.contentType, o.user
			_, err := w.Write(o.data)
			return errors.Join(err, w.Close())
		},
		get: func(ctx context.Context, bucket, key string, o object) (object, error) {
			r, err := client.Bucket(bucket).Object(key).NewReader(ctx)
			if err != nil {
				return o, err
			}
			o.data, err = readAll(r)
			return o, err
		},
		list: func(ctx context.Context, bucket string) (map[string]object, error) {
			found := map[string]object{}
			for it := client.Bucket(bucket).Objects(ctx, nil); ; {
				attrs, err := it.Next()
				if err == iterator.Done {
					return found, nil
				}
				if err != nil {
					return nil, err
				}
				found[attrs.Name] = object{contentType: attrs.ContentType, user: attrs.Metadata}
			}
		},
	}
}

func azureKind(t *testing.T) kind {
	server := objstoretest.StartAzurite(t)
	client := server.Client(t)
	return kind{
		name: "azblob", keeps: fields{contentType: true, user: true, tags: true},
		store: fmt.Sprintf(`{type: azblob, endpoint: %q, region: "local:west", credentials: {account_name: %q, account_key: %q}}`, server.Endpoint, server.Account, server.Key),
		make:  func(bucket string) error { server.Config(t, bucket); return nil },
		put: func(ctx context.Context, bucket, key string, o object) error {
			user := map[string]*string{}
			for k, v := range o.user {
				user[k] = &v
			}
			_, err := client.NewContainerClient(bucket).NewBlockBlobClient(key).UploadBuffer(ctx, o.data, &blockblob.UploadBufferOptions{
				HTTPHeaders: &blob.HTTPHeaders{BlobContentType: &o.contentType}, Metadata: user, Tags: o.tags})
			return err
		},
		get: func(ctx context.Context, bucket, key string, o object) (object, error) {
			out, err := client.NewContainerClient(bucket).NewBlobClient(key).DownloadStream(ctx, nil)
			if err != nil {
				return o, err
			}
			o.contentType, o.user, o.tags = aws.ToString(out.ContentType), map[string]string{}, map[string]string{}
			for k, v := range out.Metadata {
				o.user[strings.ToLower(k)] = *v // Go's HTTP client writes header names in its own case
			}
			if o.data, err = readAll(out.Body); err != nil || out.TagCount == nil || *out.TagCount == 0 {
				return o, err
			}
			tags, err := client.NewContainerClient(bucket).NewBlobClient(key).GetTags(ctx, nil)
			if err != nil {
				return o, err
			}
			for _, tag := range tags.BlobTagSet {
				o.tags[*tag.Key] = *tag.Value
			}
			return o, nil
		},
		list: func(ctx context.Context, bucket string) (map[string]object, error) {
			found := map[string]object{}
			pages := client.NewContainerClient(bucket).NewListBlobsFlatPager(nil)
			for pages.More() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return nil, err
				}
				for _, item := range page.Segment.BlobItems {
					found[*item.Name] = object{}
				}
			}
			return found, nil
		},
	}
}

func fileKind(t *testing.T) kind {
	root := t.TempDir()
	return kind{
		name: "file", keeps: fields{modified: true, mode: true},
		store: fmt.Sprintf(`{type: file, path: %q, region: "local:west"}`, root),
		make:  func(bucket string) error { return os.Mkdir(filepath.Join(root, bucket), 0o755) },
		put: func(_ context.Context, bucket, key string, o object) error {
			path := filepath.Join(root, bucket, key)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			return errors.Join(os.WriteFile(path, o.data, 0o600), os.Chmod(path, o.mode), os.Chtimes(path, o.modified, o.modified))
		},
		get: func(_ context.Context, bucket, key string, o object) (_ object, err error) {
			o.data, err = os.ReadFile(filepath.Join(root, bucket, key))
			return o, err
		},
		list: func(_ context.Context, bucket string) (map[string]object, error) {
			found := map[string]object{}
			err := filepath.WalkDir(filepath.Join(root, bucket), func(at string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				info, ierr := d.Info()
				key, rerr := filepath.Rel(filepath.Join(root, bucket), at)
				if err := errors.Join(ierr, rerr); err != nil {
					return err
				}
				found[key] = object{modified: info.ModTime().UTC(), mode: info.Mode().Perm()}
				return nil
			})
			return found, err
		},
	}
}

func readAll(r io.ReadCloser) ([]byte, error) {
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// each does something for every key, several at once.
func each(ctx context.Context, keys []string, do func(ctx context.Context, key string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, key := range keys {
		g.Go(func() error {
			if err := do(ctx, key); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			return nil
		})
	}
	return g.Wait()
}
