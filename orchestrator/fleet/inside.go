package fleet

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/version"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// While the engine works in this process, the collector does as in skyagent: a
// small live heap and plenty of garbage, so it may wait until the heap is
// several times what lives, up to the engine's budget and what else is here.
const (
	insideGCPercent  = 400
	insideHeapMargin = 128 << 20 // bytes: the SDKs, the journal, the listing
)

// inside is the engine in this process.
type inside struct {
	agent   *agent.Agent
	before  collector
	cancel  context.CancelFunc
	stopped sync.WaitGroup
	err     error
}

// StartInside starts the engine in this process, which is the fleet where the
// layout has no gateways. It works until it is told to stop.
func (f *Fleet) StartInside(run rundir.ID, log *slog.Logger) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &inside{cancel: cancel, before: collector{debug.SetGCPercent(insideGCPercent), debug.SetMemoryLimit(-1)}}
	e.agent = agent.New(agent.Config{Name: layout.Inside, Run: string(run), Version: version.Version, Log: log,
		MemoryLimit: func(budget int64) { debug.SetMemoryLimit(budget + insideHeapMargin) }})
	e.stopped.Go(func() { e.err = e.agent.Run(ctx) })
	f.inside = e
	return e.stop
}

func (e *inside) stop() error {
	e.cancel()
	e.stopped.Wait()
	debug.SetGCPercent(e.before.percent)
	debug.SetMemoryLimit(e.before.limit)
	return e.err
}

// collector is how the garbage collector was set.
type collector struct {
	percent int
	limit   int64 // bytes
}
