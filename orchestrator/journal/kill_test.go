package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

const victimPath = "JOURNAL_TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimPath); path != "" {
		if err := victim(context.Background(), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const victimObjects = 2000

// victim works on the journal at path until it is killed, and prints the
// number of each object when it has recorded it as final.
func victim(ctx context.Context, path string) error {
	j, err := Open(ctx, path)
	if err != nil {
		return err
	}
	for i := int64(0); ; i++ {
		switch i % 3 {
		case 0:
			err = j.Deliver(i, 0, Delivered{Digest: 1, Verified: "store"})
		case 1:
			err = j.Fail(i, 0, Failure{Stage: "read", Kind: objstore.KindNotFound, Message: "gone"})
		case 2:
			for k := range int32(3) {
				if err == nil {
					err = j.AddChunk(Chunk{Object: i, Index: k, Digest: chunk.Digest(i), Token: "t"})
				}
			}
			if err == nil {
				err = j.Deliver(i, 0, Delivered{Digest: 1, Verified: "read", Staged: true})
			}
		}
		if err != nil {
			return err
		}
		fmt.Println(i)
		time.Sleep(time.Millisecond)
	}
}

// TestKill9 kills a writer in the middle of its batches, several times, and
// checks that what it leaves adds up and holds all but the last moment.
func TestKill9(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := Create(t.Context(), path)
	must(t, err)
	for i := range int64(victimObjects) {
		must(t, j.AddObject(pending(i, 1, 0)))
	}
	must(t, j.EndListing("f"), j.Close())
	for range 3 {
		last := killed(t, path, time.Duration(200+rand.IntN(200))*time.Millisecond)
		j, err := Open(t.Context(), path)
		must(t, err)
		c := counts(t, j)
		if c.Listed != victimObjects || c.Listed != c.Done+c.Skipped+c.Failed+c.Pending {
			t.Errorf("%+v", c)
		}
		if c.Done == 0 || c.Pending == 0 {
			t.Errorf("the kill was not in the middle: %+v", c)
		}
		if final := c.Done + c.Failed; final < last {
			t.Errorf("%d records are there of %d that were old enough", final, last)
		}
		var check string
		must(t, j.db.QueryRow("PRAGMA integrity_check").Scan(&check))
		if check != "ok" {
			t.Error(check)
		}
		// A record is whole or not there: chunks go with their delivery.
		for i := int64(2); i < last; i += 3 {
			chunks, err := j.Chunks(t.Context(), i, 0)
			if err != nil || len(chunks) != 0 {
				t.Fatalf("a delivered object still has %d chunks, %v", len(chunks), err)
			}
		}
		must(t, j.Close())
	}
}

// killed starts a victim, kills it after a while and returns how many objects
// it had recorded half a second earlier: the promise is 100 ms, the rest is
// for a busy machine.
func killed(t *testing.T, path string, after time.Duration) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	type line struct {
		n  int64
		at time.Time
	}
	var lines []line
	scan := bufio.NewScanner(out)
	begun := time.Time{}
	const old = 500 * time.Millisecond
	for scan.Scan() {
		var n int64
		if _, err := fmt.Sscan(scan.Text(), &n); err != nil {
			t.Error(err)
		}
		lines = append(lines, line{n, time.Now()})
		if begun.IsZero() {
			begun = time.Now()
		}
		if time.Since(begun) > after+old {
			break
		}
	}
	must(t, cmd.Process.Kill())
	dead := time.Now()
	if err := cmd.Wait(); err == nil {
		t.Error("the victim ended by itself")
	}
	var last int64
	for _, l := range lines {
		if dead.Sub(l.at) > old {
			last = l.n + 1
		}
	}
	if last == 0 {
		t.Error("nothing was recorded before the kill")
	}
	return last
}
