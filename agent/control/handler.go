package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/objstore"
)

// Handler serves api to the run's orchestrator: to whoever shows its
// certificate on a connection that a configuration of package enroll has
// verified. Everyone else, gateways of the run included, gets status 403
// before the body is read.
func Handler(api API) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathInfo, get(api.Info))
	mux.HandleFunc("GET "+pathStats, get(api.Stats))
	mux.HandleFunc("POST "+pathConfigure, post(maxLarge, quiet(api.Configure)))
	mux.HandleFunc("POST "+pathAssign, post(maxLarge, quiet(api.Assign)))
	mux.HandleFunc("POST "+pathBegin, post(maxSmall, api.Begin))
	mux.HandleFunc("POST "+pathCommit, post(maxLarge, api.Commit))
	mux.HandleFunc("POST "+pathAbort, post(maxSmall, quiet(api.Abort)))
	mux.HandleFunc("POST "+pathParts, post(maxSmall, api.Parts))
	mux.HandleFunc("POST "+pathUploads, post(maxSmall, api.Uploads))
	mux.HandleFunc("POST "+pathSweep, post(maxLarge, quiet(api.Sweep)))
	mux.HandleFunc("POST "+pathRenew, post(maxLarge, quiet(api.Renew)))
	mux.HandleFunc("POST "+pathQuiesce, post(maxSmall, func(ctx context.Context, _ none) (none, error) {
		return none{}, api.Quiesce(ctx)
	}))
	mux.HandleFunc("POST "+pathProbe, post(maxSmall, api.Probe))
	mux.HandleFunc("POST "+pathMeasure, post(maxSmall, api.Measure))
	mux.HandleFunc("POST "+pathLimit, post(maxSmall, quiet(api.Limit)))
	mux.HandleFunc("POST "+pathResults, streamResults(api))
	return orchestratorOnly(mux)
}

// Mux serves enrollment below its path and api everywhere else: all that an
// agent's port offers over HTTP, before and after it is enrolled. pages are
// further paths that only the orchestrator gets.
func Mux(enrollment, api http.Handler, pages map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	for path, page := range pages {
		mux.Handle("GET "+path, orchestratorOnly(page))
	}
	mux.Handle(enroll.Path, enrollment)
	mux.Handle(enroll.Path+"/", enrollment)
	mux.Handle("/", api)
	return mux
}

func orchestratorOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			peer, err := enroll.PeerOf(*r.TLS)
			if err == nil && peer.Role == enroll.RoleOrchestrator {
				next.ServeHTTP(w, r)
				return
			}
		}
		answerError(w, http.StatusForbidden, errors.New("only the run's orchestrator may ask this"))
	})
}

// quiet makes a method without an answer one with an empty answer.
func quiet[Req any](f func(context.Context, Req) error) func(context.Context, Req) (none, error) {
	return func(ctx context.Context, req Req) (none, error) { return none{}, f(ctx, req) }
}

func get[Resp any](f func(context.Context) (Resp, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		resp, err := f(r.Context())
		finish(w, resp, err)
	}
}

// post serves a method whose request has at most limit bytes.
func post[Req, Resp any](limit int64, f func(context.Context, Req) (Resp, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, ok := request[Req](w, r, limit)
		if !ok {
			return
		}
		resp, err := f(r.Context(), req)
		finish(w, resp, err)
	}
}

// request reads the body, which must arrive in time and within limit bytes. If
// it does not, it answers and returns false.
func request[Req any](w http.ResponseWriter, r *http.Request, limit int64) (Req, bool) {
	deadlines := http.NewResponseController(w)
	err := deadlines.SetReadDeadline(time.Now().Add(readTimeout))
	var req Req
	if err == nil {
		req, err = decodeStrict[Req](http.MaxBytesReader(w, r.Body, limit))
	}
	if err == nil {
		err = deadlines.SetReadDeadline(time.Time{}) // the call itself may take its time
	}
	if err == nil {
		return req, true
	}
	status := http.StatusBadRequest
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status = http.StatusRequestEntityTooLarge
	}
	answerError(w, status, err)
	return req, false
}

func finish(w http.ResponseWriter, resp any, err error) {
	if err == nil {
		answer(w, http.StatusOK, resp)
		return
	}
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[*objstore.Error](err); ok {
		status = http.StatusBadGateway // the store behind the agent
	}
	answerError(w, status, err)
}

func answerError(w http.ResponseWriter, status int, err error) {
	answer(w, status, toWire(err))
}

// answer writes the last word of a request. If it cannot be written the
// connection is gone, and the caller learns it from that.
func answer(w http.ResponseWriter, status int, body any) {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(http.ErrAbortHandler)
	}
}
