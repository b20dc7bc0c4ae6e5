package places

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// Filter is one --include or --exclude, in the order given: the first whose
// pattern matches a key decides, and a key that none matches is taken, unless
// the first filter is an include.
type Filter struct {
	Exclude bool   `json:"exclude"`
	Pattern string `json:"pattern"`
}

// checkFilters finds patterns that can never be right.
func checkFilters(filters []Filter) error {
	for _, f := range filters {
		if !doublestar.ValidatePattern(f.Pattern) {
			return &failure.UsageError{Err: fmt.Errorf("%q is not a pattern", f.Pattern), Hint: "patterns are globs: *, **, ?, [a-z], {a,b}"}
		}
	}
	return nil
}

// taken tells whether a key, relative to the source prefix, is wanted.
func taken(filters []Filter, key string) bool {
	for _, f := range filters {
		if doublestar.MatchUnvalidated(f.Pattern, key) || doublestar.MatchUnvalidated("**/"+f.Pattern, key) {
			return !f.Exclude
		}
	}
	return len(filters) == 0 || filters[0].Exclude
}

// mapping joins the rules of paths with the filters. These see a key as it
// stands below the source; a single object was named, so none applies to it.
func mapping(m config.Mapping, filters []Filter) transfer.Mapping {
	return func(key string) (string, bool, error) {
		to, ok := m.DestKey(key)
		if !ok || (m.Recursive && !taken(filters, strings.TrimPrefix(key, m.Source.Key))) {
			return "", false, nil
		}
		return to, true, nil
	}
}
