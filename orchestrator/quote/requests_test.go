package quote

import (
	"errors"
	"math"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

func TestRequestsCost(t *testing.T) {
	book := price.New(nil, nil).WithRules()
	s3 := config.Location{Store: "s3", Config: objstore.Config{Type: "s3"}}
	named := config.Location{Store: "east", Config: objstore.Config{Type: "s3"}} // AWS, by a configured store
	mine := config.Location{Store: "mine", Config: objstore.Config{Type: "s3", Endpoint: "http://127.0.0.1:1"}}
	gs := config.Location{Store: "gs", Config: objstore.Config{Type: "gcs"}}
	r2 := config.Location{Store: "r2", Config: objstore.Config{Type: "s3", Endpoint: "https://a.r2.example"}}
	small := transfer.Listing{Objects: 1000, Bytes: 1000}
	large := transfer.Listing{Objects: 1, Bytes: 1000 << 20}
	for _, c := range []struct {
		name   string
		source config.Location
		dests  []config.Location
		l      transfer.Listing
		want   float64
	}{
		{"small objects", s3, []config.Location{gs}, small, 1000*4e-7 + 1000*5e-6},
		{"to two", s3, []config.Location{gs, gs}, small, 1000*4e-7 + 2000*5e-6},
		{"a large one", s3, []config.Location{s3}, large, 101*4e-7 + 103*5e-6},
		{"of the user's own", mine, []config.Location{mine}, small, 0},
		{"a name for AWS", named, []config.Location{mine}, small, 1000 * 4e-7},
		{"from R2", r2, []config.Location{mine}, small, 1000 * 3.6e-7},
	} {
		got := requestsCost(book, &places.Places{Source: c.source, Dests: c.dests}, c.l, 10<<20)
		if math.Abs(float64(got)-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, float64(got), c.want)
		}
	}
}

// TestReserve holds that --max-cost is about requests too, and that what cannot
// be reached names the goal as the user gave it.
func TestReserve(t *testing.T) {
	goal := unit.USD(5)
	job, err := reserve(planner.Job{MaxCost: &goal}, 1.25)
	if err != nil || *job.MaxCost != 3.75 || goal != 5 {
		t.Errorf("%v, %v", job.MaxCost, err)
	}
	if job, err := reserve(planner.Job{}, 1.25); err != nil || job.MaxCost != nil {
		t.Errorf("without a goal: %v, %v", job.MaxCost, err)
	}
	_, err = reserve(planner.Job{MaxCost: &goal}, 5.5)
	var e *planner.Infeasible
	if !errors.As(err, &e) || e.Goal != "--max-cost 5" || e.Cost != 5.5 {
		t.Errorf("%v", err)
	}
	err = unreserved(&planner.Infeasible{Goal: "--max-cost 3.75", Nearest: "n", Hint: "h"}, &goal, 1.25)
	if want := "--max-cost 5, of which requests take $1.25, cannot be reached: n, requests not counted; h"; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	err = unreserved(&planner.Infeasible{Goal: "--max-time 1s", Nearest: "n", Hint: "h"}, &goal, 1.25)
	if want := "--max-time 1s cannot be reached: n; h"; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
