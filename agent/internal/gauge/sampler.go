package gauge

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// every is how long a sample is.
const every = time.Second

// Sampler looks at a Gauge once a second, for what chunks wait for now.
type Sampler struct {
	gauge *Gauge

	mu     sync.Mutex
	at     time.Time // of the last look
	before map[waited]float64
	busy   time.Duration // processor time of the process until then
	ready  time.Duration // time without one that it wanted
	last   Sample
}

// waited names a Wait.
type waited struct {
	on      control.Resource
	gateway route.Gateway
}

// Sample is how an agent was in the last full second.
type Sample struct {
	Waits      []control.Wait
	CPU        float64 // part of the processors that was used, and
	CPUWait    float64 // that was wanted beside and not had
	Bottleneck control.Bottleneck
}

// NewSampler returns a sampler of g. Run has it look.
func NewSampler(g *Gauge) *Sampler {
	return &Sampler{gauge: g, at: time.Now(), before: map[waited]float64{}, busy: processorTime(), ready: starvedTime()}
}

// Run looks every second until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.look(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// Last is the latest sample.
func (s *Sampler) Last() Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *Sampler) look(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	span := now.Sub(s.at).Seconds()
	if span <= 0 {
		return
	}
	waits := s.gauge.waits()
	for i := range waits {
		w := &waits[i]
		id := waited{w.On, w.Gateway}
		w.Chunks = (w.Seconds - s.before[id]) / span
		s.before[id] = w.Seconds
	}
	busy, ready := processorTime(), starvedTime()
	all := span * float64(runtime.GOMAXPROCS(0))
	cpu, wait := (busy-s.busy).Seconds()/all, max(0, (ready-s.ready).Seconds()/all)
	s.at, s.busy, s.ready = now, busy, ready
	s.last = Sample{Waits: waits, CPU: cpu, CPUWait: wait, Bottleneck: bottleneck(waits, cpu)}
}

const (
	// saturated is the part of its processors that a process uses when they are
	// what it waits for: the scheduler never gives quite all.
	saturated = 0.9
	// mostly is the part of a second in which the first chunk of a queue waits
	// if waiting is what it does.
	mostly = 0.5
	// idle is how many chunks wait on average where there is nothing to do.
	idle = 0.05
)

// bottleneck picks the resource that most chunks wait for. A reader that waits
// for acknowledgements and has no credit left is held back by the writer.
func bottleneck(waits []control.Wait, cpu float64) control.Bottleneck {
	var most, starved control.Wait
	for _, w := range waits {
		into := &most
		switch w.On {
		case control.ResourceCredit:
			into = &starved
		case control.ResourceLimit:
			if w.Chunks >= mostly {
				return control.Bottleneck{On: w.On, Chunks: w.Chunks}
			}
		}
		if w.Chunks > into.Chunks {
			*into = w
		}
	}
	b := control.Bottleneck{On: most.On, Gateway: most.Gateway, Chunks: most.Chunks}
	switch {
	case most.Chunks < idle:
		return control.Bottleneck{}
	case cpu >= saturated:
		return control.Bottleneck{On: control.ResourceCPU, Chunks: most.Chunks}
	case most.On == control.ResourceAck && starved.Chunks >= mostly:
		b.On, b.Gateway = control.ResourceCredit, starved.Gateway
	}
	return b
}
