package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// errStopping ends streams when their server is about to stop.
var errStopping = errors.New("the agent is stopping")

// streamResults serves Results as lines. It ends with the client, with the
// server, or with api, and says the latter two on the last line.
func streamResults(api API) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, ok := request[resultsRequest](w, r, maxSmall)
		if !ok {
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		if stop := stopping(ctx); stop != nil {
			defer context.AfterFunc(stop, func() { cancel(errStopping) })()
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		lines := &lineWriter{w: w, control: http.NewResponseController(w)}

		beating := make(chan struct{})
		beat, stopBeating := context.WithCancel(ctx)
		go func() {
			defer close(beating)
			if err := lines.keepAlive(beat); err != nil {
				cancel(err)
			}
		}()
		err := api.Results(ctx, req.After, lines.results)
		stopBeating()
		<-beating

		if r.Context().Err() != nil {
			return // nobody listens any more
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if err == nil {
			err = errStopping
		}
		// An error here means that the connection is gone, which says enough.
		_ = lines.line(toWire(err))
	}
}

// lineWriter writes lines of JSON, each at once and within writeTimeout.
type lineWriter struct {
	mu      sync.Mutex // results and signs of life come from two goroutines
	w       http.ResponseWriter
	control *http.ResponseController
}

// results writes a batch, on several lines if it is large.
func (l *lineWriter) results(batch []Result) error {
	if len(batch) == 0 {
		return l.line([]Result{})
	}
	for some := range slices.Chunk(batch, maxLine) {
		if err := l.line(some); err != nil {
			return err
		}
	}
	return nil
}

func (l *lineWriter) line(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := l.w.Write(append(raw, '\n')); err != nil {
		return err
	}
	return l.control.Flush()
}

// keepAlive writes a sign of life at once and with every heartbeat, until ctx
// ends or the connection fails.
func (l *lineWriter) keepAlive(ctx context.Context) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		if err := l.results(nil); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
