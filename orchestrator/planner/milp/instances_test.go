package milp_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

var inf = math.Inf(1)

// overlay is the planner's edge model on a made-up world: flows from region 0 to
// the last ones, whole machines of several types, connections at both ends.
type overlay struct {
	*milp.Problem
	goals    []milp.Row // what leaves the source and reaches each destination
	machines []milp.Var
}

// newOverlay returns the model for a rate in Gbit/s.
func newOverlay(rng *rand.Rand, regions, types, dests int, rate float64) overlay {
	o := overlay{Problem: milp.New()}
	const limit = 8
	place := make([][2]float64, regions)
	for v := range place {
		place[v] = [2]float64{rng.Float64(), rng.Float64()}
	}
	size := 1000.0 // GB
	seconds := size * 8 / rate
	// Machines: n of each type; cap rows sum over types.
	out, in := make([][]milp.Term, regions), make([][]milp.Term, regions)
	outConn, inConn := make([][]milp.Term, regions), make([][]milp.Term, regions)
	for v := range regions {
		var all []milp.Term
		for t := range types {
			egress := 5 * math.Pow(2, float64(t))
			usd := (0.8 + 0.4*rng.Float64()) * math.Pow(1.9, float64(t)) * (seconds + 60) / 3600
			n := o.Variable(fmt.Sprintf("n%d.%d", v, t), 0, limit, usd, milp.Integer)
			o.machines = append(o.machines, n)
			out[v] = append(out[v], milp.Term{Var: n, Coefficient: -egress})
			in[v] = append(in[v], milp.Term{Var: n, Coefficient: -2 * egress})
			outConn[v] = append(outConn[v], milp.Term{Var: n, Coefficient: -1})
			inConn[v] = append(inConn[v], milp.Term{Var: n, Coefficient: -1})
			all = append(all, milp.Term{Var: n, Coefficient: 1})
		}
		o.Constraint(fmt.Sprintf("limit%d", v), -inf, limit, all...)
	}
	balance := make([][][]milp.Term, dests)
	for d := range balance {
		balance[d] = make([][]milp.Term, regions)
	}
	for a := range regions {
		for b := range regions - 1 {
			b := b + 1
			if a == b || dests == 1 && a == regions-1 {
				continue
			}
			distance := math.Hypot(place[a][0]-place[b][0], place[a][1]-place[b][1])
			gbps := (1 + 9*rng.Float64()) / (0.3 + distance)
			usd := 0.02 + 0.07*rng.Float64()*distance
			bytes := o.Variable(fmt.Sprintf("y%d.%d", a, b), 0, gbps*limit, usd*size/rate, milp.Continuous)
			out[a] = append(out[a], milp.Term{Var: bytes, Coefficient: 1})
			in[b] = append(in[b], milp.Term{Var: bytes, Coefficient: 1})
			outConn[a] = append(outConn[a], milp.Term{Var: bytes, Coefficient: 1 / gbps})
			inConn[b] = append(inConn[b], milp.Term{Var: bytes, Coefficient: 1 / gbps})
			for d := range dests {
				f := bytes
				if dests > 1 {
					f = o.Variable(fmt.Sprintf("f%d.%d.%d", a, b, d), 0, gbps*limit, 0, milp.Continuous)
					o.Constraint("shared", -inf, 0, milp.Term{Var: f, Coefficient: 1}, milp.Term{Var: bytes, Coefficient: -1})
				}
				balance[d][a] = append(balance[d][a], milp.Term{Var: f, Coefficient: 1})
				balance[d][b] = append(balance[d][b], milp.Term{Var: f, Coefficient: -1})
			}
		}
	}
	for v := range regions {
		o.Constraint(fmt.Sprintf("out%d", v), -inf, 0, out[v]...)
		o.Constraint(fmt.Sprintf("in%d", v), -inf, 0, in[v]...)
		o.Constraint(fmt.Sprintf("outconn%d", v), -inf, 0, outConn[v]...)
		o.Constraint(fmt.Sprintf("inconn%d", v), -inf, 0, inConn[v]...)
		for d := range dests {
			net := 0.0
			switch v {
			case 0:
				net = rate
			case regions - 1 - d:
				net = -rate
			}
			r := o.Constraint(fmt.Sprintf("balance%d.%d", d, v), net, net, balance[d][v]...)
			if net != 0 {
				o.goals = append(o.goals, r)
			}
		}
	}
	return o
}
