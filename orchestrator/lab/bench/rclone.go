package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// settings are what is tried of rclone. All but the first are what its manual and
// forum advise for fast links with long round trips.
var settings = []string{
	"--transfers 4",
	"--transfers 16 --checkers 16",
	"--transfers 64 --checkers 64",
	"--transfers 32 --checkers 32 --s3-chunk-size 5Mi --s3-upload-concurrency 8 --s3-upload-cutoff 5Mi",
	"--transfers 16 --checkers 16 --multi-thread-streams 8 --multi-thread-cutoff 1Mi --s3-chunk-size 5Mi --s3-upload-concurrency 8",
	"--transfers 64 --checkers 64 --no-check-dest --s3-no-head --s3-disable-checksum",
}

// Where a job has many objects, how many are under way decides: there the one
// setting that everybody knows is tried too, whatever the sample says.
const (
	many        = 1000
	wideSetting = "--transfers 64"
)

// bestRclone tries all settings on the sample, in the region or at the operator,
// and does the job with the best. Without a region it leaves the job undone where
// the sample shows that it would take longer than known: the job's time is then
// the sample's, times sampleShare.
func (s *stage) bestRclone(ctx context.Context, region string, known time.Duration) (attempt, error) {
	var best string
	var least time.Duration
	limit := 2*patience + 10*ideal(s.file)
	for _, setting := range settings {
		// What is not done in the best time so far cannot be the best.
		took, err := s.rclone(ctx, region, setting, samplePrefix, limit)
		if ctx.Err() != nil {
			return attempt{}, ctx.Err()
		}
		s.say("  %-10s %6.1f s %v  %s", region, took.Seconds(), err, setting)
		if err == nil && (best == "" || took < least) {
			best, least, limit = setting, took, took
		}
	}
	if best == "" {
		return attempt{failure: "no setting copied the sample"}, nil
	}
	a := attempt{command: s.rcloneCommand(best)}
	if region == "" && known > 0 && least*sampleShare > known {
		a.took, a.scaled = least*sampleShare, true
		a.total, a.usd = a.took, s.rcloneCost(region, a.took)
		return a, nil
	}
	return s.wholeRclone(ctx, region, best)
}

// wholeRclone does the job with a setting.
func (s *stage) wholeRclone(ctx context.Context, region, setting string) (attempt, error) {
	a := attempt{command: s.rcloneCommand(setting)}
	err := s.during(ctx, func(ctx context.Context) (err error) {
		a.took, err = s.rclone(ctx, region, setting, wholePrefix, 2*patience+20*ideal(s.file))
		if err != nil {
			a.failure = err.Error()
		}
		return ctx.Err()
	})
	a.total = a.took
	a.usd = s.rcloneCost(region, a.took)
	return a, err
}

// rcloneCommand is the command as the results print it.
func (s *stage) rcloneCommand(setting string) string {
	from := s.file.Job.From + ":" + labfile.Bucket + "/" + wholePrefix
	return "rclone copy " + from + " DEST:" + labfile.Bucket + "/DIR --s3-no-check-bucket " + setting
}

// rclone copies a prefix to every destination, one process each at the same time,
// and tells how long all together took.
func (s *stage) rclone(ctx context.Context, region, setting, prefix string, limit time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	all, ctx := errgroup.WithContext(ctx)
	dest := s.dest()
	start := time.Now()
	for _, to := range s.file.Job.To {
		args := []string{"lab", "run", "--lab", s.lab.Name}
		if region != "" {
			args = append(args, "--in", region)
		}
		args = append(args, "--", s.Rclone, "copy", s.file.Job.From+":"+labfile.Bucket+"/"+prefix, to+":"+labfile.Bucket+"/"+dest,
			"--s3-no-check-bucket")
		cmd := exec.CommandContext(ctx, s.Skyctl, append(args, strings.Fields(setting)...)...)
		cmd.Stdin, cmd.Env = nil, os.Environ()
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
		all.Go(func() error {
			out, err := cmd.CombinedOutput()
			switch {
			case ctx.Err() != nil:
				return fmt.Errorf("was not done within %.0f s", limit.Seconds())
			case err != nil:
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	err := all.Wait()
	took := time.Since(start)
	different := s.same(prefix, dest)
	if err != nil {
		return took, err
	}
	return took, different
}

// rcloneCost is egress by the price of the links from the source, and for a
// machine in the region the price of its time.
func (s *stage) rcloneCost(region string, took time.Duration) float64 {
	var usd float64
	gb := float64(s.file.Job.Size) * float64(s.file.Job.Objects) / 1e9
	for _, to := range s.file.Job.To {
		usd += gb * s.file.Link(s.file.Job.From, to).USDPerGB
	}
	return usd + s.file.Regions[region].USDPerHour*took.Hours()
}
