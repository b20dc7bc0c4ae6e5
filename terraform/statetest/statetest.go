// Package statetest keeps Terraform's states behind HTTP, as its backend of that
// name wants it: each under a path, with a lock. Only tests import it.
package statetest

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// Server keeps states in memory.
type Server struct {
	mu     sync.Mutex
	states map[string][]byte
	locks  map[string][]byte // as Terraform described them
}

// Lock is what holds the state of that path, nil if nothing does.
func (s *Server) Lock(path string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locks[path]
}

// SetLock makes it so.
func (s *Server) SetLock(path string, lock []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks == nil {
		s.locks = map[string][]byte{}
	}
	s.locks[path] = lock
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.states == nil {
		s.states = map[string][]byte{}
	}
	if s.locks == nil {
		s.locks = map[string][]byte{}
	}
	path, held := r.URL.Path, s.locks[r.URL.Path]
	switch r.Method {
	case http.MethodGet:
		if s.states[path] == nil {
			w.WriteHeader(http.StatusNoContent)
		}
		_, _ = w.Write(s.states[path]) // who asked has gone
	case http.MethodPost:
		if held != nil && r.URL.Query().Get("ID") != idOf(held) {
			locked(w, http.StatusConflict, held)
			return
		}
		s.states[path] = body
	case http.MethodDelete:
		delete(s.states, path)
	case "LOCK":
		if held != nil {
			locked(w, http.StatusLocked, held)
			return
		}
		s.locks[path] = body
	case "UNLOCK":
		// terraform force-unlock (1.11) says no id.
		if held == nil || len(body) > 0 && idOf(body) != idOf(held) {
			locked(w, http.StatusConflict, held)
			return
		}
		delete(s.locks, path)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func locked(w http.ResponseWriter, status int, lock []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(lock)
}

func idOf(lock []byte) string {
	var l struct{ ID string }
	_ = json.Unmarshal(lock, &l) // then it has none
	return l.ID
}
