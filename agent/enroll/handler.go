package enroll

import (
	"crypto/hmac"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
)

// Handler serves the agent's side of enrollment below [Path]: to whoever
// proves the token, once. It belongs behind Identity.ServerConfig.
//
// A wrong proof, a wrong name and a token already spent get the same answer
// and lose their connection, so each guess at the token's 256 bits costs a TLS
// handshake. Nothing secret is logged.
func Handler(id *Identity, token Token, log *slog.Logger) (http.Handler, error) {
	key, err := token.key()
	if err != nil {
		return nil, err
	}
	h := &handler{id: id, log: log, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathHello, h.hello)
	mux.HandleFunc("POST "+pathInstall, h.install)
	mux.HandleFunc("GET "+pathState, h.state)
	return mux, nil
}

type handler struct {
	id  *Identity
	log *slog.Logger

	mu  sync.Mutex
	key []byte // the token's; nil once it is spent
}

// hello checks the orchestrator's proof and answers with the agent's. It
// changes nothing, so it may be asked any number of times.
func (h *handler) hello(w http.ResponseWriter, r *http.Request) {
	req, secret, ok := receive[helloRequest](h, w, r)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.proved(req.MAC, labelOrchestrator, secret) {
		h.refuse(w, r, "the token is not proved")
		return
	}
	h.log.Info("enrollment asked for", "remote", r.RemoteAddr)
	h.answer(w, helloResponse{CSR: h.id.csr, MAC: prove(h.key, labelAgent, secret, h.id.csr)})
}

// install takes the certificate and ends the token's life. The lock is held
// throughout: of two orchestrators that hold the token one comes first.
func (h *handler) install(w http.ResponseWriter, r *http.Request) {
	req, secret, ok := receive[installRequest](h, w, r)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.proved(req.MAC, labelInstall, secret, req.Chain...) {
		h.refuse(w, r, "the token is not proved")
		return
	}
	if err := h.id.Install(req.Chain); err != nil {
		h.refuse(w, r, err.Error())
		return
	}
	clear(h.key)
	h.key = nil
	h.log.Info("enrolled", "remote", r.RemoteAddr, "gateway", h.id.peer.String())
	// This connection began without a client certificate; the next one, with.
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusNoContent)
}

// state lets an orchestrator that lost the reply to install see that it took
// place. The TLS configuration has checked who asks.
func (h *handler) state(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil {
		h.refuse(w, r, "the connection is not TLS")
		return
	}
	peer, err := PeerOf(*r.TLS)
	if err != nil || peer != (Peer{Run: h.id.peer.Run, Role: RoleOrchestrator}) {
		h.refuse(w, r, "the caller is not the orchestrator")
		return
	}
	h.answer(w, stateResponse{Peer: h.id.peer.String()})
}

// proved tells whether the other end of the connection with this secret knows
// the token, in constant time. The caller holds mu.
func (h *handler) proved(mac []byte, label string, secret []byte, payload ...[]byte) bool {
	return h.key != nil && hmac.Equal(mac, prove(h.key, label, secret, payload...))
}

// receive reads a message and the secret of its connection.
func receive[M message](h *handler, w http.ResponseWriter, r *http.Request) (m M, secret []byte, ok bool) {
	if r.TLS == nil {
		h.refuse(w, r, "the connection is not TLS")
		return m, nil, false
	}
	secret, err := exporter(r.TLS, h.id.peer)
	if err == nil {
		m, err = decode[M](http.MaxBytesReader(w, r.Body, maxMessage))
	}
	if err != nil {
		h.refuse(w, r, err.Error())
		return m, nil, false
	}
	return m, secret, true
}

// refuse ends the connection without saying why; the log says it.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, why string) {
	h.log.Warn("enrollment refused", "remote", r.RemoteAddr, "why", why)
	w.Header().Set("Connection", "close")
	http.Error(w, "refused", http.StatusForbidden)
}

func (h *handler) answer(w http.ResponseWriter, m message) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(m); err != nil {
		h.log.Warn("enrollment answer not sent", "error", err)
	}
}
