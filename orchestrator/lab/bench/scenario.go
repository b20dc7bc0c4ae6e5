package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// Below these prefixes are the objects of a job, and a sample of them.
const (
	wholePrefix  = "whole"
	samplePrefix = "sample"
)

// sampleShare is one over the share of the objects on which rclone's settings are
// compared.
const sampleShare = 8

// outcome is what one scenario showed.
type outcome struct {
	file   *labfile.Lab
	ideal  time.Duration // for the job, by the max-flow
	skyctl attempt
	source attempt // rclone on a machine of the source region, its best
	remote attempt // rclone at the operator, its best
	wide   attempt // rclone at the source, of many objects: with wideSetting
}

// attempt is one tool's try at a job.
type attempt struct {
	command  string        // as it was run
	took     time.Duration // skyctl: first read to last commit; rclone: the process
	total    time.Duration // with all that is around it
	forecast time.Duration // skyctl's, of took
	usd      float64
	scaled   bool // took is of the sample, times sampleShare
	routes   []string
	failure  string // why it did not do the job; empty if it did
}

// stage is a lab that is up, with a scenario's objects in its source.
type stage struct {
	arguments
	file  *labfile.Lab
	lab   *lab.Lab
	home  string // of skyctl's runs
	tries int
}

// play runs one scenario.
func play(ctx context.Context, args arguments, path string, file *labfile.Lab) (o outcome, err error) {
	o = outcome{file: file, ideal: ideal(file)}
	if out, err := exec.CommandContext(ctx, args.Skyctl, "lab", "up", path).CombinedOutput(); err != nil {
		return o, fmt.Errorf("skyctl lab up: %w: %s", err, out)
	}
	s := &stage{arguments: args, file: file}
	if s.lab, err = lab.Open(file.Name); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, s.lab.Down(context.WithoutCancel(ctx))) }()
	if s.home, err = os.MkdirTemp("", "skyctl-bench"); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.home)) }()
	if err := s.fill(); err != nil {
		return o, err
	}
	if o.skyctl, err = s.runSkyctl(ctx); err != nil {
		return o, err
	}
	s.say("skyctl: %s", o.skyctl.text())
	if o.source, err = s.bestRclone(ctx, file.Job.From, 0); err != nil {
		return o, err
	}
	s.say("rclone in %s: %s", file.Job.From, o.source.text())
	if file.Job.Objects >= many {
		if o.wide, err = s.wholeRclone(ctx, file.Job.From, wideSetting); err != nil {
			return o, err
		}
		s.say("rclone in %s: %s", file.Job.From, o.wide.text())
	}
	o.remote, err = s.bestRclone(ctx, "", o.source.took)
	s.say("rclone at the operator: %s", o.remote.text())
	return o, err
}

// say tells whoever waits how far the scenario is.
func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, s.file.Name+": "+format+"\n", args...)
}

func (a *attempt) text() string {
	if a.failure != "" {
		return a.failure
	}
	return fmt.Sprintf("%.1f s  %s", a.took.Seconds(), a.command)
}

// fill writes the objects straight to the source store's disk, where each is a
// file. The sample is one in sampleShare of them.
func (s *stage) fill() error {
	job := s.file.Job
	bucket := filepath.Join(s.lab.StoreDir(job.From), labfile.Bucket)
	for _, prefix := range []string{wholePrefix, samplePrefix} {
		if err := os.MkdirAll(filepath.Join(bucket, prefix), 0o755); err != nil {
			return err
		}
	}
	random := rand.NewChaCha8([32]byte{byte(s.file.Seed)})
	data := make([]byte, job.Size)
	for i := range job.Objects {
		if _, err := random.Read(data); err != nil {
			return err
		}
		name := fmt.Sprintf("object-%05d", i)
		if err := os.WriteFile(filepath.Join(bucket, wholePrefix, name), data, 0o644); err != nil {
			return err
		}
		if i%sampleShare == 0 {
			if err := os.WriteFile(filepath.Join(bucket, samplePrefix, name), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// during runs a tool while the scenario's changes happen, and undoes them.
func (s *stage) during(ctx context.Context, do func(context.Context) error) error {
	before, err := s.lab.Status(ctx)
	if err != nil {
		return err
	}
	changing, stop := context.WithCancel(ctx)
	changed := make(chan error, 1)
	go func() { changed <- s.change(changing, before) }()
	err = do(ctx)
	stop()
	return errors.Join(err, <-changed, s.restore(ctx, before))
}

// dest returns a prefix for the next try. Each has its own: a store may still
// write what a tool sent that was stopped before.
func (s *stage) dest() string {
	s.tries++
	return fmt.Sprintf("try-%02d", s.tries)
}

// same compares what arrived below dest with what was sent, by the bytes on the
// stores' disks, and removes what arrived.
func (s *stage) same(prefix, dest string) error {
	var errs []error
	sent := filepath.Join(s.lab.StoreDir(s.file.Job.From), labfile.Bucket, prefix)
	for _, to := range s.file.Job.To {
		arrived := filepath.Join(s.lab.StoreDir(to), labfile.Bucket, dest)
		if out, err := exec.Command("diff", "-rq", sent, arrived).CombinedOutput(); err != nil {
			first, _, _ := strings.Cut(string(out), "\n")
			errs = append(errs, fmt.Errorf("what arrived in %s differs: %s", to, first))
		}
		errs = append(errs, os.RemoveAll(arrived))
	}
	return errors.Join(errs...)
}
