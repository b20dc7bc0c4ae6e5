package main

import (
	"fmt"
	"os"
	"strings"
)

// ready is where whoever started the agent waits for one line: "ready PID
// STARTTIME" when it listens, or "error TEXT". A nil *ready tells nobody.
type ready struct{ pipe *os.File }

func readiness(fd int) *ready {
	if fd <= 0 {
		return nil
	}
	return &ready{os.NewFile(uintptr(fd), "ready")}
}

// listening says that the agent can be reached. The start time tells this
// process from a later one with the same number.
func (r *ready) listening() error {
	if r == nil {
		return nil
	}
	start, err := startTime()
	if err != nil {
		return err
	}
	return r.say(fmt.Sprintf("ready %d %s", os.Getpid(), start))
}

// failed says why the agent ends before it listens.
func (r *ready) failed(cause error) error {
	if r == nil {
		return cause
	}
	if err := r.say("error " + strings.ReplaceAll(cause.Error(), "\n", "; ")); err != nil {
		return fmt.Errorf("%w (and nobody could be told: %v)", cause, err)
	}
	return cause
}

func (r *ready) say(line string) error {
	_, err := fmt.Fprintln(r.pipe, line)
	if cerr := r.pipe.Close(); err == nil {
		err = cerr
	}
	return err
}

// startTime is field 22 of /proc/self/stat, in clock ticks since boot.
func startTime() (string, error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return "", fmt.Errorf("when did this process start: %w", err)
	}
	// The second field, the command in parentheses, may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const startTimeField = 22 - 3
	if len(fields) <= startTimeField {
		return "", fmt.Errorf("when did this process start: /proc/self/stat has %d fields", len(fields)+2)
	}
	return fields[startTimeField], nil
}
