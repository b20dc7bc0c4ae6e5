package quote

import (
	"errors"
	"fmt"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// requestsCost is what the requests of a transfer cost: a read of each chunk, a
// write of each at every destination, and a begin and a commit of each object
// that is more than one chunk. Listings, and reading back, are not in it. Stores
// that the user runs bill nothing.
func requestsCost(book *price.Book, p *places.Places, l transfer.Listing, chunkSize int64) unit.USD {
	more := l.Bytes / max(chunkSize, 1) // chunks beyond the first of each object, at most
	chunks := l.Objects + more
	var usd unit.USD
	if r, err := book.Requests(billedAs(p.Source)); err == nil {
		usd += r.Get * unit.USD(chunks)
	}
	for _, d := range p.Dests {
		if r, err := book.Requests(billedAs(d)); err == nil {
			usd += r.Put * unit.USD(chunks+2*min(more, l.Objects))
		}
	}
	return usd
}

// billedAs is the scheme by which the cloud's own store bills, empty for a store
// of the user's.
func billedAs(l config.Location) string {
	switch {
	case slices.Contains(price.Stores(), l.Store):
		return l.Store
	case l.Config.Endpoint != "":
		return ""
	}
	return map[string]string{"s3": "s3", "gcs": "gs", "azblob": "az"}[l.Config.Type]
}

// reserve takes what requests will cost out of a job's --max-cost, since the
// planner does not price them. It returns the same job if there is no such goal.
func reserve(job planner.Job, requests unit.USD) (planner.Job, error) {
	if job.MaxCost == nil || requests == 0 {
		return job, nil
	}
	left := *job.MaxCost - requests
	if left < 0 {
		return job, &planner.Infeasible{Goal: fmt.Sprintf("--max-cost %v", float64(*job.MaxCost)),
			Nearest: fmt.Sprintf("the requests to the stores alone cost %s", requests), Hint: "ask for less, or use larger chunks: --chunk-size", Cost: requests}
	}
	job.MaxCost = &left
	return job, nil
}

// unreserved makes the planner's error say the goal as the user gave it.
func unreserved(err error, goal *unit.USD, requests unit.USD) error {
	var e *planner.Infeasible
	if errors.As(err, &e) && goal != nil && requests > 0 && e.Goal == fmt.Sprintf("--max-cost %v", float64(*goal-requests)) {
		e.Goal = fmt.Sprintf("--max-cost %v, of which requests take %s,", float64(*goal), requests)
		e.Nearest += ", requests not counted"
	}
	return err
}
