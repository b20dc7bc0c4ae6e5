package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skyctl/skyctl/terraform/engine/supervise"
	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"skyctl": func() {
			supervise.Main()
			os.Exit(Main(context.Background(), os.Args[1:]))
		},
		"stubborn": func() { os.Exit(stubborn()) },
	})
}

// TestScripts runs testdata/*.txtar: what a user types, and what then is on
// standard output, on standard error, and the exit code.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SKYCTL_HOME", filepath.Join(env.WorkDir, ".home"))
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "stub": stub(t)},
	})
}

// exits CODE COMMAND… runs a command that is to end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// stub has Terraform take the stub for the clouds' providers from here on.
func stub(t *testing.T) func(*testscript.TestScript, bool, []string) {
	config := sync.OnceValues(func() (string, error) { return stubtest.Build(t.TempDir()) })
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) > 0 {
			ts.Fatalf("usage: stub")
		}
		path, err := config()
		ts.Check(err)
		ts.Setenv("TF_CLI_CONFIG_FILE", path)
	}
}
