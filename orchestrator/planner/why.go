package planner

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// bottlenecks says in words what keeps a plan's trees from carrying more with
// the gateways that it has: the limits that are full and, where the trees can
// carry no more however the bytes are shared out, that have a dual value in the
// program for the highest rate. Where more gateways would help it says what one
// more saves. It returns none if nothing but the goal holds the plan back.
func (s *solver) bottlenecks(c point) ([]string, error) {
	found := []string{}
	if c.rate >= s.p.most*(1-lacking) {
		what := "the stores"
		if float64(s.p.job.Limit) == s.p.most {
			what = "--bwlimit"
		}
		found = append(found, fmt.Sprintf("%s (%s)", what, gbits(s.p.most)))
	}
	best, err := s.withTrees(c.answer, c.answer.gateways)
	if err != nil {
		return nil, err
	}
	if job := s.p.job; best.rate > c.rate*(1+lacking) && (job.MinThroughput > 0 || job.MaxTime > 0) {
		return found, nil
	}
	full := s.m.full(c.answer)
	held := func(row milp.Row) bool {
		return row != none && full[row] && (best.rate > c.rate*(1+lacking) || best.dual[row] < -lacking)
	}
	for i, row := range s.m.links {
		if held(row) {
			found = append(found, fmt.Sprintf("link %s (%s)", s.p.name(s.p.links[i]), gbits(s.p.links[i].gbps)))
		}
	}
	for v, rows := range s.m.sites {
		for k, row := range rows.row {
			if !held(row) {
				continue
			}
			more, err := s.oneMore(c, v)
			if err != nil {
				return nil, err
			}
			found = append(found, s.gatewaysThat(c, v, kind(k))+more)
		}
	}
	return found, nil
}

// full tells which limits an answer uses up.
func (m *master) full(a *answer) map[milp.Row]bool {
	use := map[milp.Row]float64{}
	for _, f := range a.flows {
		m.uses(f.tree, func(row milp.Row, amount float64) { use[row] += amount * f.gbps })
	}
	full := map[milp.Row]bool{}
	for i, row := range m.links {
		full[row] = use[row] >= m.p.links[i].gbps*(1-lacking)
	}
	for v, rows := range m.sites {
		for k, row := range rows.row {
			can := 0.0
			for i, n := range a.gateways[v] {
				if n > 0 {
					can += float64(n) * m.p.sites[v].machines[i].can(kind(k))
				}
			}
			full[row] = can > 0 && use[row] >= can*(1-lacking)
		}
	}
	return full
}

// gatewaysThat names a limit of the gateways in a region: "egress of 2 gateways
// in aws:a (5 Gbit/s each)".
func (s *solver) gatewaysThat(c point, v int, k kind) string {
	count, types, sum := 0, 0, 0.0
	for i, n := range c.answer.gateways[v] {
		if n > 0 {
			count, types = count+n, types+1
			sum += float64(n) * s.p.sites[v].machines[i].can(k)
		}
	}
	what := [kinds]string{"egress", "ingress", "CPUs", "engines", "connections", "incoming connections"}[k]
	text := fmt.Sprintf("%s of %s in %s", what, gateways(count), s.p.sites[v].region)
	switch {
	case k == leaving || k == coming:
		return text + fmt.Sprintf(" (%d each)", perGateway)
	case types == 1:
		return text + fmt.Sprintf(" (%s each)", gbits(sum/float64(count)))
	}
	return text + fmt.Sprintf(" (%s together)", gbits(sum))
}

// oneMore says what one more gateway in a region changes, of the type that the
// plan has most of there: "; one more saves 14s for $0.05".
func (s *solver) oneMore(c point, v int) (string, error) {
	total, most := 0, 0
	for i, n := range c.answer.gateways[v] {
		if total += n; n > c.answer.gateways[v][most] {
			most = i
		}
	}
	if there := s.p.sites[v].gateways; total >= there {
		return fmt.Sprintf("; %d are allowed", there), nil
	}
	if c.answer.gateways[v][most] >= s.p.sites[v].machines[most].most {
		return "; there are no more of them to be had", nil
	}
	more := make([][]int, len(c.answer.gateways))
	for u := range more {
		more[u] = slices.Clone(c.answer.gateways[u])
	}
	more[v][most]++
	best, err := s.withTrees(c.answer, more)
	if err != nil || best.rate <= c.rate*(1+lacking) {
		return "; one more alone does not help", err
	}
	next := point{rate: best.rate, provision: c.provision, answer: best.answer}
	saves := time.Duration((s.seconds(c) - s.seconds(next)) * float64(time.Second))
	usd := s.usd(next) - s.usd(c)
	if usd <= 0 {
		return fmt.Sprintf("; one more saves %s and %s", brief(saves), unit.USD(-usd)), nil
	}
	return fmt.Sprintf("; one more saves %s for %s", brief(saves), unit.USD(usd)), nil
}

// most is the highest rate of some trees, how they reach it, and the dual values
// of what limits it.
type most struct {
	rate   float64
	answer *answer
	dual   []float64
}

// withTrees returns the most that an answer's trees carry with the given
// gateways.
func (s *solver) withTrees(a *answer, gateways [][]int) (most, error) {
	beyond := 2*s.most + 1
	s.m.ask(beyond, worth{short: 1})
	found, err := s.m.among(a.flows, gateways)
	if err != nil || found.X == nil {
		return most{}, err
	}
	return most{min(s.p.most, beyond-found.X[s.m.short]), s.m.answer(found.X), found.Dual}, nil
}

// gateways counts them in words.
func gateways(n int) string {
	if n == 1 {
		return "1 gateway"
	}
	return fmt.Sprintf("%d gateways", n)
}

// brief writes a duration to three digits at most.
func brief(d time.Duration) string {
	for _, unit := range []time.Duration{time.Minute, time.Second, time.Millisecond} {
		if d >= 10*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Microsecond).String()
}

// trimmed writes a figure to six digits.
func trimmed(x float64) string {
	digits := 6
	if math.Abs(x) >= 1e6 {
		digits = -1
	}
	return strconv.FormatFloat(x, 'g', digits, 64)
}
