package gcp

import (
	"net/http"
	"time"
)

// retrying repeats requests that the service was too busy for. All that this
// package sends may be repeated, and none has a body that is read but once.
type retrying struct {
	base  http.RoundTripper
	pause time.Duration
}

const attempts = 6

func (t *retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	pause := t.pause
	for attempt := 1; ; attempt++ {
		resp, err := t.base.RoundTrip(r)
		if err != nil || attempt == attempts || !busy(resp.StatusCode) || r.Body != nil && r.GetBody == nil {
			return resp, err
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
		if r.GetBody != nil {
			r = r.Clone(r.Context())
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-r.Context().Done():
			timer.Stop()
			return nil, r.Context().Err()
		case <-timer.C:
		}
		pause *= 2
	}
}

func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusBadGateway || status == http.StatusServiceUnavailable
}
