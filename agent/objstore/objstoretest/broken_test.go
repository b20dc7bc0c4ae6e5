package objstoretest_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/mem"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// brokenVariable names the bucket that the suite is to be run on.
const brokenVariable = "SKYCTL_TEST_BROKEN_BUCKET"

// broken are buckets with one lie each, and the tests that must find it.
var broken = map[string]struct {
	breaks func(objstore.Bucket) objstore.Bucket
	caught []string
}{
	"whole":           {func(b objstore.Bucket) objstore.Bucket { return b }, nil},
	"truncates":       {func(b objstore.Bucket) objstore.Bucket { return truncates{b} }, []string{"Objects", "Ranges", "Staged"}},
	"first page only": {func(b objstore.Bucket) objstore.Bucket { return firstPage{b} }, []string{"ListPages"}},
	"no if-match":     {func(b objstore.Bucket) objstore.Bucket { return anyVersion{b} }, []string{"Versions"}},
	"lost reply":      {func(b objstore.Bucket) objstore.Bucket { return lostReply{b} }, []string{"Staged", "CommitTwice"}},
}

// truncates ends each read a byte early, and says that this was all.
type truncates struct{ objstore.Bucket }

func (b truncates) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	body, obj, err := b.Bucket.Open(ctx, key, version, r)
	if err != nil {
		return nil, obj, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, r.Length-1), body}, obj, nil
}

// firstPage ends a listing well after 1,000 objects.
type firstPage struct{ objstore.Bucket }

func (b firstPage) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	enough := errors.New("enough")
	n := 0
	err := b.Bucket.List(ctx, prefix, after, func(o objstore.Object) error {
		if n++; n > 1000 {
			return enough
		}
		return yield(o)
	})
	if err == enough {
		return nil
	}
	return err
}

// anyVersion reads whatever is there.
type anyVersion struct{ objstore.Bucket }

func (b anyVersion) Open(ctx context.Context, key string, _ objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	return b.Bucket.Open(ctx, key, "", r)
}

// lostReply commits, says nothing of it, and does not recognise its own work.
type lostReply struct{ objstore.Bucket }

func (b lostReply) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	if _, err := b.Parts(ctx, up); err != nil {
		return objstore.Object{}, err
	}
	if _, err := b.Bucket.Commit(ctx, up, parts, size, digest); err != nil {
		return objstore.Object{}, err
	}
	return objstore.Object{}, &objstore.Error{Op: "commit", Bucket: "broken", Key: up.Key, Kind: objstore.KindTransient, Err: io.ErrUnexpectedEOF}
}

// TestSuiteOnBrokenBucket is what TestBrokenBucketsFail runs, in a process of
// its own, for a suite that fails makes its test fail.
func TestSuiteOnBrokenBucket(t *testing.T) {
	lie, ok := broken[os.Getenv(brokenVariable)]
	if !ok {
		return
	}
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket {
		b, err := mem.Open(t.Context(), objstore.Config{Bucket: "broken"})
		if err != nil {
			t.Fatal(err)
		}
		return lie.breaks(b)
	})
}

// TestBrokenBucketsFail: the suite finds each lie, and nothing in a bucket that
// does not lie.
func TestBrokenBucketsFail(t *testing.T) {
	for name, lie := range broken {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSuiteOnBrokenBucket$")
			cmd.Env = append(os.Environ(), brokenVariable+"="+name)
			output, err := cmd.CombinedOutput()
			if (err == nil) != (lie.caught == nil) {
				t.Errorf("the suite ends with %v:\n%s", err, output)
			}
			for _, test := range lie.caught {
				if !strings.Contains(string(output), "--- FAIL: TestSuiteOnBrokenBucket/"+test+" ") {
					t.Errorf("%s does not notice:\n%s", test, output)
				}
			}
		})
	}
}
