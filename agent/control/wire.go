package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// The API over HTTP: every method is one path. Requests and answers are JSON;
// a request with a field that this version does not know is refused. A failure
// is a status of 400 and above with a wireError.
//
// The answer to Results is a stream of lines, each a JSON array of results; an
// empty array is a sign of life. A line that is an object is the wireError
// that ended the stream.
const (
	version       = "/v1"
	pathInfo      = version + "/info"  // GET Info
	pathStats     = version + "/stats" // GET Stats
	pathConfigure = version + "/configure"
	pathAssign    = version + "/assign"
	pathResults   = version + "/results"
	pathBegin     = version + "/begin"
	pathCommit    = version + "/commit"
	pathAbort     = version + "/abort"
	pathParts     = version + "/parts"
	pathUploads   = version + "/uploads"
	pathSweep     = version + "/sweep"
	pathRenew     = version + "/renew"
	pathQuiesce   = version + "/quiesce"
	pathProbe     = version + "/probe"
	pathMeasure   = version + "/measure"
	pathLimit     = version + "/limit"
)

// Sizes in bytes.
const (
	maxSmall  = 256 << 10 // a request about one object
	maxLarge  = 16 << 20  // any other request, any answer, any line of a stream
	maxAssign = 1 << 20   // what a client puts into one body before it starts another
	maxLine   = 512       // results on one line
)

// Times.
const (
	heartbeat    = 2 * time.Second  // at most between two lines of a stream of results
	readTimeout  = 30 * time.Second // for the body of a request
	writeTimeout = 10 * time.Second // for an answer, or one line of a stream
)

// resultsRequest asks for what became of chunks.
type resultsRequest struct {
	After uint64 `json:"after"`
}

// none is the body of a request or answer that has nothing to say.
type none struct{}

// wireError carries an error so that the far side can rebuild it: its text
// and, if it is one of a store, the parts that a caller decides on.
type wireError struct {
	Message string      `json:"message"`
	Store   *storeError `json:"store,omitempty"`
}

type storeError struct {
	Op        string        `json:"op,omitempty"`
	Bucket    string        `json:"bucket,omitempty"`
	Key       string        `json:"key,omitempty"`
	Kind      objstore.Kind `json:"kind"`
	RequestID string        `json:"request_id,omitempty"`
	Cause     string        `json:"cause,omitempty"`
}

func toWire(err error) *wireError {
	w := &wireError{Message: err.Error()}
	if e, ok := errors.AsType[*objstore.Error](err); ok {
		w.Store = &storeError{Op: e.Op, Bucket: e.Bucket, Key: e.Key, Kind: e.Kind, RequestID: e.RequestID}
		if e.Err != nil {
			w.Store.Cause = e.Err.Error()
		}
	} else if kind := objstore.KindOf(err); kind != objstore.KindUnknown {
		w.Store = &storeError{Kind: kind}
	}
	return w
}

// err rebuilds the error: an *objstore.Error where it was one, something that
// wraps one where it was wrapped.
func (w *wireError) err() error {
	if w.Store == nil {
		return errors.New(w.Message)
	}
	e := &objstore.Error{Op: w.Store.Op, Bucket: w.Store.Bucket, Key: w.Store.Key, Kind: w.Store.Kind, RequestID: w.Store.RequestID}
	if w.Store.Cause != "" {
		e.Err = errors.New(w.Store.Cause)
	}
	if e.Error() == w.Message {
		return e
	}
	return &wrapped{text: w.Message, store: e}
}

// wrapped is a store's error within a longer text.
type wrapped struct {
	text  string
	store *objstore.Error
}

func (w *wrapped) Error() string { return w.text }
func (w *wrapped) Unwrap() error { return w.store }

// decodeStrict reads exactly one JSON value and refuses fields that T lacks.
func decodeStrict[T any](r io.Reader) (v T, err error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("something follows the JSON value")
		}
		return v, err
	}
	return v, nil
}

// decodeAnswer reads an answer of at most maxLarge bytes to its end, so that
// the connection can serve again.
func decodeAnswer[T any](r io.Reader) (v T, err error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxLarge+1))
	if err != nil {
		return v, err
	}
	if len(raw) > maxLarge {
		return v, fmt.Errorf("the answer is larger than %d bytes", maxLarge)
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return v, io.ErrUnexpectedEOF
	}
	return v, json.Unmarshal(raw, &v)
}
