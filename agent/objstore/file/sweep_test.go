package file

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// rootOfVictim is set in the environment of a process that is to be killed.
const rootOfVictim = "SKYCTL_TEST_ROOT_OF_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(rootOfVictim); dir != "" {
		fmt.Println(putForever(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// putForever is in the middle of two Puts, in two directories, until it is
// killed.
func putForever(dir string) error {
	b, err := Open(context.Background(), objstore.Config{Bucket: dir, Run: "killed"})
	if err != nil {
		return err
	}
	done := make(chan error)
	for _, key := range []string{"key", "d/e/key"} {
		in, feed := io.Pipe()
		go func() {
			_, err := b.Put(context.Background(), key, objstore.Body{Size: 1 << 20, Reader: in}, objstore.Metadata{})
			done <- err
		}()
		if _, err := feed.Write(make([]byte, 1000)); err != nil { // it is being written
			return err
		}
	}
	fmt.Println("writing")
	return <-done
}

// temporaries are what there is below dir beside the objects.
func temporaries(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && isTemp(d.Name()) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestKilledInPut: what a killed process leaves is no object, is found beside
// its key, and is swept away by its run and by no other.
func TestKilledInPut(t *testing.T) {
	dir := t.TempDir()
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), rootOfVictim+"="+dir)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, len("writing"))
	if _, err := io.ReadFull(out, said); err != nil || string(said) != "writing" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("%v: %s%s", err, said, rest)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // it was killed

	of := func(run string) objstore.Bucket {
		b, err := Open(t.Context(), objstore.Config{Bucket: dir, Run: run})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	mine, other := of("killed"), of("another")
	put(t, mine, "d/kept", "x")
	if n := len(temporaries(t, dir)); n != 2 {
		t.Fatalf("%d temporaries are left, want 2", n)
	}
	if got := keys(t, mine, ""); !slices.Equal(got, []string{"d/kept"}) {
		t.Errorf("listed are %q", got)
	}
	if ups, err := mine.Uploads(t.Context(), "d/e/key", time.Now().Add(-time.Hour)); err != nil || len(ups) != 1 {
		t.Errorf("found beside the key are %v, %v", ups, err)
	}
	if ups, err := other.Uploads(t.Context(), "d/e/key", time.Now().Add(-time.Hour)); err != nil || len(ups) != 0 {
		t.Errorf("another run takes for its own %v, %v", ups, err)
	}
	up, err := other.Begin(t.Context(), "d/e/other", 1, objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	dirs := []string{"", "d/", "d/e/", "nowhere/", "d/kept/", "../", "no slash"}
	if err := objstore.Sweep(t.Context(), mine, dirs); err != nil {
		t.Error(err)
	}
	if left := temporaries(t, dir); len(left) != 1 || !strings.HasSuffix(left[0], up.ID) {
		t.Errorf("left are %q, want what the other run writes", left)
	}
	if got := keys(t, mine, ""); !slices.Equal(got, []string{"d/kept"}) {
		t.Errorf("left are the objects %q", got)
	}
}

// TestNamesOfTemporaries: what is said in one is read from it.
func TestNamesOfTemporaries(t *testing.T) {
	run := runHash("run")
	for _, modified := range []time.Time{{}, time.Unix(0, -123456789), time.Unix(1700000000, 5)} {
		for _, mode := range []uint32{0, 0o640} {
			name := partTemp("dir/key", run, objstore.Metadata{Modified: modified, Mode: mode})
			got, err := metadataOf(name)
			if err != nil || !got.Modified.Equal(modified) || got.Mode != mode {
				t.Errorf("%s: %+v, %v; want %v and %o", name, got, err, modified, mode)
			}
			if p, ok := parseTemp(name); !ok || !p.staged || p.run != run || p.key != keyHash("key") || time.Since(p.begun) > time.Hour {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
	if p, ok := parseTemp(putTemp("key", run)); !ok || p.staged || p.run != run {
		t.Errorf("of Put: %+v", p)
	}
	for _, name := range []string{"", "key", ".skyctl-x.tmp", ".skyctl-a-b-c-d.txt", ".skyctl-a-b-0-d-e.tmp", ".skyctl-a-b-0-d.part", "x/" + putTemp("key", run)} {
		if _, ok := parseTemp(name); ok {
			t.Errorf("%q is taken for a temporary", name)
		}
	}
}
