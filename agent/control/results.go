package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Results implements API. It does not reconnect: the caller, who knows the last
// result it has dealt with, calls it again. An agent that says nothing for
// ClientConfig.Silence is unreachable.
func (c *Client) Results(ctx context.Context, after uint64, yield func([]Result) error) error {
	body, err := encode("results", resultsRequest{After: after})
	if err != nil {
		return err
	}
	bound, leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	bound, cancel := context.WithCancelCause(bound)
	defer cancel(nil)
	silence := time.AfterFunc(c.cfg.Silence, func() {
		cancel(fmt.Errorf("no sign of life for %s", c.cfg.Silence))
	})
	defer silence.Stop()
	err = c.exchange(bound, pathResults, body, func(r io.Reader) error {
		return readLines(r, func(batch []Result) error {
			// The time that the caller takes is not the agent's silence.
			silence.Stop()
			defer silence.Reset(c.cfg.Silence)
			return yield(batch)
		})
	})
	if final, ok := errors.AsType[*finalError](err); ok {
		return final.err
	}
	return c.reason(ctx, bound, err)
}

// readLines calls yield for each line of results until the stream ends, which
// is always an error: a *finalError if it is one of yield or of the agent.
func readLines(r io.Reader, yield func([]Result) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLarge)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if bytes.HasPrefix(line, []byte("{")) {
			var w wireError
			if err := json.Unmarshal(line, &w); err != nil {
				return err
			}
			return &finalError{w.err()}
		}
		var batch []Result
		if err := json.Unmarshal(line, &batch); err != nil {
			return err
		}
		if err := yield(batch); err != nil {
			return &finalError{err}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
