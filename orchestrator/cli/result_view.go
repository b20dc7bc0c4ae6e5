package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// resultDoc is a result that can carry an error.
type resultDoc struct {
	orchestrator.Result
	Error *errorDoc `json:"error,omitempty"`
}

func (d *resultDoc) fail(e *errorDoc) { d.Success, d.Error = false, e }

// result answers with what a run came to. Objects that failed are an error
// beside that of the run.
func (c *console) result(r orchestrator.Result, err error) error {
	if r.Run == "" {
		return err // nothing ran
	}
	if r.Failed > 0 {
		err = errors.Join(err, &objectsError{objects: r.Objects, failed: r.Failed, different: r.Different})
	}
	r.Success = err == nil
	r.Destroy = c.usable(r.Destroy)
	c.answer(&resultDoc{Result: r}, func(w io.Writer) error { return resultView(w, r) })
	return err
}

func resultView(w io.Writer, r orchestrator.Result) error {
	return columns(w, func(w io.Writer) {
		fmt.Fprintf(w, "\nrun\t%s\n", r.Run)
		fmt.Fprintf(w, "objects\t%d: %d done, %d skipped, %d failed%s\n", r.Objects, r.Done, r.Skipped, r.Failed, pending(r))
		fmt.Fprintf(w, "transferred\t%s in %s, %s\n", unit.Bytes(r.Bytes).Human(), seconds(r.Transfer), unit.Gbps(r.Gbits).Human())
		if r.BWLimit > 0 {
			fmt.Fprintf(w, "limit\t%s\n", r.BWLimit.Human())
		}
		if r.Bottleneck != "" {
			fmt.Fprintf(w, "bottleneck\t%s\n", r.Bottleneck)
		}
		rows(w, "replanned", r.Replanned)
		rows(w, "routes", routeBytes(r.Routes))
		if r.Verified {
			fmt.Fprintf(w, "verified\tevery object that is done: %s\n", verifiedBy(r.By))
		} else {
			fmt.Fprintf(w, "verified\tno\n")
		}
		if r.Retries > 0 || r.Resumed > 0 {
			fmt.Fprintf(w, "chunks\t%d sent again, %d kept from earlier\n", r.Retries, r.Resumed)
		}
		fmt.Fprintf(w, "time\t%s in total\n", seconds(r.TotalS))
		fmt.Fprintf(w, "cost\t%s, estimated were %s\n", r.Cost.Actual, r.Cost.Estimated)
		rows(w, "not carried", notCarriedRows(r))
		rows(w, "warnings", warningRows(r.Warnings))
		rows(w, "errors", errorRows(r))
		if r.Kept {
			fmt.Fprintf(w, "gateways\t%d are kept; to give them back:\n\t%s\n", r.Gateways, r.Destroy)
		}
	})
}

// pending is what a run that stopped has not come to.
func pending(r orchestrator.Result) string {
	if r.Pending > 0 {
		return fmt.Sprintf(", %d pending", r.Pending)
	}
	return ""
}

func routeBytes(routes []orchestrator.RouteBytes) []string {
	var out []string
	for _, r := range routes {
		var path []string
		for _, region := range r.Path {
			path = append(path, string(region))
		}
		out = append(out, fmt.Sprintf("%s: %s", strings.Join(path, " > "), unit.Bytes(r.Bytes).Human()))
	}
	return out
}

// verifiedBy says who checked the objects.
func verifiedBy(by orchestrator.Verified) string {
	var parts []string
	if by.Store > 0 || by.Read == 0 {
		parts = append(parts, fmt.Sprintf("%d by the store's checksum", by.Store))
	}
	if by.Read > 0 {
		parts = append(parts, fmt.Sprintf("%d by reading back", by.Read))
	}
	return strings.Join(parts, ", ")
}

func notCarriedRows(r orchestrator.Result) []string {
	var out []string
	for _, n := range r.NotCarried {
		out = append(out, fmt.Sprintf("%s of %s, %s cannot keep it", n.Field, quantity(n.Objects, "object"), printable(n.Dest)))
	}
	return out
}

// errorRows are the first errors.
func errorRows(r orchestrator.Result) []string {
	const shown = 20
	var out []string
	for i, e := range r.Errors {
		if i == shown {
			break
		}
		out = append(out, fmt.Sprintf("%s to %s: %s", printable(e.Object), printable(e.Dest), oneLine(e.Error)))
	}
	if more := r.Failed - int64(len(out)); more > 0 && len(out) > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}
