// Command bench runs the lab's scenarios with skyctl and with rclone, in the same
// lab in the same run, and writes RESULTS.md and a plot: make bench-lab.
//
// It reports what happened, whatever that is. skyctl is run as the operator would,
// with its defaults; rclone with each of several settings on a sample of the
// objects, and with the best of them on all, on a machine of the source region and
// at the operator.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

type arguments struct {
	Skyctl    string   `required:"" type:"path" help:"Path of skyctl."`
	Rclone    string   `required:"" type:"path" help:"Path of rclone."`
	Out       string   `default:"." help:"Where RESULTS.md and results.svg go."`
	Jobs      int      `default:"1" help:"Scenarios at a time, each in its own lab. More is quicker, and less exact on a machine that is busy."`
	Scenarios []string `arg:"" help:"Scenario files."`
}

func main() {
	var args arguments
	kong.Parse(&args)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args arguments) error {
	files := make([]*labfile.Lab, len(args.Scenarios))
	for i, path := range args.Scenarios {
		file, err := labfile.Load(path)
		if err != nil {
			return err
		}
		if file.Job == nil {
			return fmt.Errorf("%s: has no job, there is nothing to compare", path)
		}
		files[i] = file
	}
	var loads [2]string
	var err error
	if loads[0], err = load(); err != nil {
		return err
	}
	outcomes := make([]outcome, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, args.Jobs))
	for i, file := range files {
		group.Go(func() (err error) {
			if outcomes[i], err = play(ctx, args, args.Scenarios[i], file); err != nil {
				return fmt.Errorf("%s: %w", file.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if loads[1], err = load(); err != nil {
		return err
	}
	control, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return err
	}
	if err := plotRates(outcomes, filepath.Join(args.Out, "results.svg")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(args.Out, "RESULTS.md"), results(outcomes, args.Jobs, loads, strings.TrimSpace(string(control))), 0o644)
}

// load is the machine's load average of the last minute: what else runs on it
// takes part in every figure.
func load() (string, error) {
	b, err := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(b), " ")
	return one, err
}
