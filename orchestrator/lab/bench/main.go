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

	"github.com/alecthomas/kong"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

type arguments struct {
	Skyctl    string   `required:"" help:"Path of skyctl."`
	Rclone    string   `required:"" help:"Path of rclone."`
	Out       string   `default:"." help:"Where RESULTS.md and results.svg go."`
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
	var outcomes []outcome
	for _, path := range args.Scenarios {
		file, err := labfile.Load(path)
		if err != nil {
			return err
		}
		if file.Job == nil {
			return fmt.Errorf("%s: has no job, there is nothing to compare", path)
		}
		fmt.Fprintf(os.Stderr, "== %s: %s\n", file.Name, file.Title)
		o, err := play(ctx, args, path, file)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		outcomes = append(outcomes, o)
	}
	if err := plotRates(outcomes, filepath.Join(args.Out, "results.svg")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(args.Out, "RESULTS.md"), results(outcomes), 0o644)
}
