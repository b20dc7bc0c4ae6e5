package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Info implements API.
func (c *Client) Info(ctx context.Context) (Info, error) {
	return call[Info](ctx, c, pathInfo, nil)
}

// Stats implements API.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	return call[Stats](ctx, c, pathStats, nil)
}

// Configure implements API.
func (c *Client) Configure(ctx context.Context, cfg Config) error {
	_, err := send[none](ctx, c, pathConfigure, "configure", cfg)
	return err
}

// Renew implements API.
func (c *Client) Renew(ctx context.Context, stores map[string]objstore.Config) error {
	_, err := send[none](ctx, c, pathRenew, "renew", stores)
	return err
}

// Assign implements API. A large batch takes several requests; those before
// one that fails are in effect, which repeating all of them leaves unchanged.
func (c *Client) Assign(ctx context.Context, chunks []Assignment) error {
	bodies, err := assignBodies(chunks)
	if err != nil {
		return err
	}
	for _, body := range bodies {
		if _, err := call[none](ctx, c, pathAssign, body); err != nil {
			return err
		}
	}
	return nil
}

// Begin implements API.
func (c *Client) Begin(ctx context.Context, req BeginRequest) (Begun, error) {
	m := req.Metadata
	text := []string{req.Key, m.ContentType, m.ContentEncoding, m.ContentDisposition, m.ContentLanguage, m.CacheControl, m.StorageClass, m.Link}
	for _, pairs := range []map[string]string{m.User, m.Tags} {
		for name, value := range pairs {
			text = append(text, name, value)
		}
	}
	return send[Begun](ctx, c, pathBegin, "begin", req, text...)
}

// Commit implements API.
func (c *Client) Commit(ctx context.Context, req CommitRequest) (Committed, error) {
	return send[Committed](ctx, c, pathCommit, "commit", req, req.Upload.Key, req.Upload.ID)
}

// Abort implements API.
func (c *Client) Abort(ctx context.Context, req UploadRequest) error {
	_, err := send[none](ctx, c, pathAbort, "abort", req, req.Upload.Key, req.Upload.ID)
	return err
}

// Parts implements API.
func (c *Client) Parts(ctx context.Context, req UploadRequest) ([]objstore.PartRef, error) {
	return send[[]objstore.PartRef](ctx, c, pathParts, "parts", req, req.Upload.Key, req.Upload.ID)
}

// Uploads implements API.
func (c *Client) Uploads(ctx context.Context, req UploadsRequest) ([]objstore.Upload, error) {
	return send[[]objstore.Upload](ctx, c, pathUploads, "uploads", req, req.Key)
}

// Sweep implements API.
func (c *Client) Sweep(ctx context.Context, req SweepRequest) error {
	_, err := send[none](ctx, c, pathSweep, "sweep", req, req.Dirs...)
	return err
}

// Limit implements API.
func (c *Client) Limit(ctx context.Context, req LimitRequest) error {
	_, err := send[none](ctx, c, pathLimit, "limit", req)
	return err
}

// Quiesce implements API.
func (c *Client) Quiesce(ctx context.Context) error {
	_, err := send[none](ctx, c, pathQuiesce, "quiesce", none{})
	return err
}

// Probe implements API.
func (c *Client) Probe(ctx context.Context, req ProbeRequest) (ProbeResult, error) {
	return send[ProbeResult](ctx, c, pathProbe, "probe", req)
}

// Measure implements API.
func (c *Client) Measure(ctx context.Context, req MeasureRequest) (Measured, error) {
	return send[Measured](ctx, c, pathMeasure, "measure", req)
}

// send makes a call with req as its body. Text is what req holds that may not
// be UTF-8.
func send[Resp any](ctx context.Context, c *Client, path, op string, req any, text ...string) (Resp, error) {
	body, err := encode(op, req, text...)
	if err != nil {
		var zero Resp
		return zero, err
	}
	return call[Resp](ctx, c, path, body)
}

// encode makes the JSON of a request. Text that is not UTF-8 is refused: in
// JSON it would silently become something else, and with it a key another key.
func encode(op string, req any, text ...string) ([]byte, error) {
	for _, s := range text {
		if !utf8.ValidString(s) {
			return nil, &objstore.Error{Op: op, Key: s, Kind: objstore.KindInvalid, Err: errors.New("is not UTF-8")}
		}
	}
	raw, err := json.Marshal(req)
	if err != nil {
		return nil, &objstore.Error{Op: op, Kind: objstore.KindInvalid, Err: err}
	}
	return raw, nil
}

// assignBodies packs chunks into JSON arrays of about maxAssign bytes.
func assignBodies(chunks []Assignment) ([][]byte, error) {
	var bodies [][]byte
	body := bytes.NewBufferString("[")
	for _, a := range chunks {
		text := []string{a.Key, string(a.Version)}
		for _, d := range a.Dests {
			text = append(text, d.Key)
			if d.Upload != nil {
				text = append(text, d.Upload.Key, d.Upload.ID)
			}
		}
		raw, err := encode("assign", a, text...)
		if err != nil {
			return nil, err
		}
		if body.Len() > 1 {
			if body.Len()+len(raw) > maxAssign {
				body.WriteByte(']')
				bodies = append(bodies, body.Bytes())
				body = bytes.NewBufferString("[")
			} else {
				body.WriteByte(',')
			}
		}
		body.Write(raw)
	}
	if body.Len() == 1 {
		return bodies, nil
	}
	body.WriteByte(']')
	return append(bodies, body.Bytes()), nil
}
