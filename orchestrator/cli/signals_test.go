package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// stubbornService never comes back from Apply, whatever its context says.
type stubbornService struct {
	service
	observe func(orchestrator.Progress)
}

func (s *stubbornService) Apply(ctx context.Context, id rundir.ID, opts orchestrator.ApplyOptions) (orchestrator.Result, error) {
	phase := orchestrator.PhaseTransfer
	if opts.Keep {
		phase = orchestrator.PhaseProvision
	}
	s.observe(orchestrator.Progress{Time: time.Now(), Run: id, Phase: phase})
	<-ctx.Done()
	select {}
}

// Resume ends as it should.
func (s *stubbornService) Resume(ctx context.Context, id rundir.ID, _ orchestrator.ApplyOptions) (orchestrator.Result, error) {
	s.observe(orchestrator.Progress{Time: time.Now(), Run: id, Phase: orchestrator.PhaseTransfer})
	<-ctx.Done()
	return orchestrator.Result{Run: id}, &orchestrator.InterruptedError{Run: id, Err: context.Cause(ctx)}
}

// stubborn is skyctl with that service.
func stubborn() int {
	return execute(context.Background(), os.Args[1:], func(_ string, _ rundir.Home, observe func(orchestrator.Progress)) (service, error) {
		return &stubbornService{observe: observe}, nil
	})
}

func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name, command, flag, began string
		twice                      bool
		exit                       int
		last, code                 string
	}{
		{"once", "resume", "--json", "transfer", false, 6, "skyctl resume ", "interrupted"},
		{"twice, with gateways", "apply", "--keep", "provision", true, 7, "skyctl destroy ", "leftover"},
		{"twice, without", "apply", "--json", "transfer", true, 6, "skyctl resume ", "interrupted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home, run := newRun(t)
			cmd := exec.Command("stubborn", c.command, run, "--json", c.flag)
			cmd.Env = append(os.Environ(), "SKYCTL_HOME="+home)
			var stdout bytes.Buffer
			cmd.Stdout = &stdout
			pipe, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stderr := bufio.NewReader(pipe)
			wait := func(want string) {
				t.Helper()
				line, err := stderr.ReadString('\n')
				if err != nil || !strings.HasPrefix(line, want) {
					t.Fatalf("stderr has %q, want %q (%v)", line, want, err)
				}
			}
			wait(c.began)
			send(t, cmd, syscall.SIGINT)
			wait("stopping")
			if c.twice {
				send(t, cmd, syscall.SIGTERM)
			}
			rest, err := io.ReadAll(stderr)
			if err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the exit code is what is looked at
			if got := cmd.ProcessState.ExitCode(); got != c.exit {
				t.Errorf("exit code %d, want %d", got, c.exit)
			}
			if !strings.HasSuffix(string(rest), "\n"+c.last+run+"\n") {
				t.Errorf("stderr ends with %q", rest)
			}
			var doc outcome
			if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil || doc.Success || doc.Error == nil || doc.Error.Code != c.code {
				t.Errorf("stdout has %q (%v)", stdout.String(), err)
			}
		})
	}
}

// Where nobody reads the answer, the last line is said all the same, with the
// configuration that it takes.
func TestLastLineWithoutAReaderOfTheAnswer(t *testing.T) {
	home, run := newRun(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("stubborn", "resume", run, "--json", "--config", "my own.yaml")
	cmd.Env, cmd.Stdout = append(os.Environ(), "SKYCTL_HOME="+home), write
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	if line, err := lines.ReadString('\n'); err != nil || line != "transfer\n" {
		t.Fatalf("stderr has %q (%v)", line, err)
	}
	send(t, cmd, syscall.SIGINT)
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is what is looked at
	if got := cmd.ProcessState.ExitCode(); got != 6 {
		t.Errorf("exit code %d, want 6 (%v)", got, cmd.ProcessState)
	}
	if want := "\nskyctl resume " + run + " --config 'my own.yaml'\n"; !strings.HasSuffix(string(rest), want) {
		t.Errorf("stderr ends with %q, want %q", rest, want)
	}
}

// newRun makes the directory of a run.
func newRun(t *testing.T) (homeDir, id string) {
	t.Helper()
	home, err := rundir.At(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := home.Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return home.Dir(), string(run.ID)
}

func send(t *testing.T, cmd *exec.Cmd, sig os.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// skyctl cp … 2>&1 | head must not leave a run, and its gateways, behind.
func TestARunOutlivesWhoeverReadsItsProgress(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("skyctl", "cp", "--yes", "a", "b")
	cmd.Dir, cmd.Stderr = dir, write
	cmd.Env = append(os.Environ(), "SKYCTL_HOME="+filepath.Join(dir, "home"))
	if out, err := cmd.Output(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "b")); err != nil || string(got) != "a" {
		t.Errorf("b has %q (%v)", got, err)
	}
}
