package places

import (
	"errors"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/failure"
)

func in(p string) Filter { return Filter{Pattern: p} }
func ex(p string) Filter { return Filter{Exclude: true, Pattern: p} }

func TestTheFirstFilterThatMatchesDecides(t *testing.T) {
	for _, c := range []struct {
		name    string
		filters []Filter
		take    []string
		leave   []string
	}{
		{"none", nil, []string{"a", "a/b"}, nil},
		{"include", []Filter{in("*.log")}, []string{"x.log", "a/b/x.log"}, []string{"x", "log"}},
		{"exclude", []Filter{ex("*.tmp")}, []string{"x", "a/x.log"}, []string{"x.tmp", "a/x.tmp"}},
		{"exclude, then include", []Filter{ex("a/**"), in("*.log")}, []string{"x.log", "other"}, []string{"a/x.log"}},
		{"include, then exclude", []Filter{in("a/keep/**"), ex("a/**")}, []string{"a/keep/x"}, []string{"a/x", "other"}},
		{"literal characters", []Filter{ex("a+b%20.txt")}, []string{"a b .txt"}, []string{"a+b%20.txt"}},
		{"alternatives", []Filter{in("{x,y}/?.csv")}, []string{"x/1.csv", "deep/y/2.csv"}, []string{"z/1.csv", "x/12.csv"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, key := range c.take {
				if !taken(c.filters, key) {
					t.Errorf("%s is left out", key)
				}
			}
			for _, key := range c.leave {
				if taken(c.filters, key) {
					t.Errorf("%s is taken", key)
				}
			}
		})
	}
}

func TestAPatternThatIsNoneIsWrongUsage(t *testing.T) {
	var usage *failure.UsageError
	if err := checkFilters([]Filter{in("[a")}); !errors.As(err, &usage) {
		t.Errorf("%v", err)
	}
}
