package journal

import (
	"context"
	"fmt"
	"io"
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

// victimObjects are those in the journal. The victim comes as far as reached, and
// waits there: however late it is killed, it has not done all.
const victimObjects, reached = 2000, 1500

// victim works on the journal at path until it is killed, one object a millisecond
// and so in many batches.
func victim(ctx context.Context, path string) error {
	j, err := Open(ctx, path)
	if err != nil {
		return err
	}
	for i := range int64(reached) {
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
		time.Sleep(time.Millisecond)
	}
	_, err = io.Copy(io.Discard, os.Stdin) // which is open as long as the test lives
	return err
}

// TestKill9 kills a writer in the middle of its batches, several times, and
// checks that what it leaves adds up and holds all that others had seen in it.
func TestKill9(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := Create(t.Context(), path)
	must(t, err)
	for i := range int64(victimObjects) {
		must(t, j.AddObject(pending(i, 1, 0)))
	}
	must(t, j.EndListing("f"), j.Close())
	for last := int64(0); last < 300; {
		last = killed(t, path, last+50+rand.Int64N(100))
		j, err := Open(t.Context(), path)
		must(t, err)
		c := counts(t, j)
		if c.Listed != victimObjects || c.Listed != c.Done+c.Skipped+c.Failed+c.Pending {
			t.Errorf("%+v", c)
		}
		if final := c.Done + c.Failed; final < last {
			t.Errorf("%d records are there of %d that were seen", final, last)
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

// killed starts a victim, kills it when at least so many objects are final, and
// returns how many were.
func killed(t *testing.T, path string, objects int64) (seen int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimPath+"="+path)
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe()
	must(t, err, cmd.Start())
	r, err := OpenReader(t.Context(), path)
	must(t, err)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for ; seen < objects; <-poll.C {
		c, err := r.Counts(t.Context())
		must(t, err)
		seen = c.Done + c.Failed
	}
	must(t, r.Close(), cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("the victim ended by itself")
	}
	return seen
}
