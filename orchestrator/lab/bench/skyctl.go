package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// patience is how long a tool gets: this and ten times the ideal.
const patience = 60 * time.Second

// runSkyctl plans and applies the job.
func (s *stage) runSkyctl(ctx context.Context) (attempt, error) {
	a, dest := attempt{}, s.dest()
	args := []string{"plan", "-r", s.file.Job.From + "://" + labfile.Bucket + "/" + wholePrefix + "/"}
	for _, to := range s.file.Job.To {
		args = append(args, to+"://"+labfile.Bucket+"/"+dest+"/")
	}
	if s.file.Job.Gateways > 0 {
		args = append(args, "--gateways", strconv.Itoa(s.file.Job.Gateways))
	}
	a.command = "skyctl cp " + strings.Join(args[1:], " ")
	limit, cancel := context.WithTimeout(ctx, patience+10*ideal(s.file))
	defer cancel()

	var plan struct {
		Run  string `json:"run"`
		Time struct {
			Transfer float64 `json:"transfer"`
		} `json:"time_s"`
	}
	if failure, err := s.skyctl(limit, &plan, args...); failure != "" || err != nil {
		a.failure = failure
		return a, err
	}
	a.forecast = seconds(plan.Time.Transfer)
	var done struct {
		Verified bool    `json:"verified"`
		Total    float64 `json:"total_runtime_s"`
		Transfer float64 `json:"transfer_s"`
		Cost     struct {
			Actual float64 `json:"actual_usd"`
		} `json:"cost"`
		Routes []struct {
			Path  []string `json:"path"`
			Bytes int64    `json:"bytes"`
		} `json:"routes"`
		Transports []struct {
			Transport string `json:"transport"`
			Reason    string `json:"reason"`
		} `json:"transports"`
	}
	err := s.during(limit, func(ctx context.Context) (err error) {
		a.failure, err = s.skyctl(ctx, &done, "apply", plan.Run, "--yes")
		return err
	})
	if a.failure != "" || err != nil {
		s.giveUp(ctx, plan.Run)
		return a, err
	}
	a.took, a.total, a.usd = seconds(done.Transfer), seconds(done.Total), done.Cost.Actual
	for _, r := range done.Routes {
		a.routes = append(a.routes, fmt.Sprintf("%s %.0f %%", strings.ReplaceAll(strings.Join(r.Path, " > "), "local:", ""),
			100*float64(r.Bytes)/float64(s.bytes())))
	}
	for _, t := range done.Transports {
		over := t.Transport
		if strings.Contains(t.Reason, "does not get through") {
			over += " (" + t.Reason + ")"
		}
		if !slices.Contains(a.over, over) {
			a.over = append(a.over, over)
		}
	}
	if err := s.same(wholePrefix, dest); err != nil {
		a.failure = err.Error()
	}
	return a, nil
}

// bytes of the job, all destinations together.
func (s *stage) bytes() int64 {
	return int64(s.file.Job.Size) * int64(s.file.Job.Objects) * int64(len(s.file.Job.To))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// skyctl runs skyctl as the operator and reads its document. A refusal or a run
// that failed is a failure, not an error.
func (s *stage) skyctl(ctx context.Context, document any, args ...string) (failure string, err error) {
	args = append([]string{"lab", "run", "--lab", s.lab.Name, "--", s.Skyctl, "--json"}, args...)
	cmd := exec.CommandContext(ctx, s.Skyctl, args...)
	cmd.Env = append(os.Environ(), "SKYCTL_HOME="+s.home)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if cmd.Run() == nil {
		return "", json.Unmarshal(stdout.Bytes(), document)
	}
	var refusal struct {
		Error struct{ Message string } `json:"error"`
	}
	switch err := json.Unmarshal(stdout.Bytes(), &refusal); {
	case ctx.Err() != nil:
		return "was not done within " + (patience + 10*ideal(s.file)).Round(time.Second).String(), nil
	case err != nil:
		return "", fmt.Errorf("skyctl %s: %w: %s", args[6], err, stderr.Bytes())
	}
	return refusal.Error.Message, nil
}

// giveUp destroys what a run that failed has left. It is no matter if there is
// nothing: the lab's end takes everything.
func (s *stage) giveUp(ctx context.Context, run string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var ignored struct{}
	if failure, err := s.skyctl(ctx, &ignored, "cancel", run, "--yes"); failure != "" || err != nil {
		s.say("skyctl cancel: %s %v", failure, err)
	}
}
