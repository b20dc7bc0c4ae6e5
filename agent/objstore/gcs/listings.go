package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// listings is about the requests of listings: it insists on what kind of answer
// each is. To the SDK any JSON without objects, such as the {} of a proxy that
// swallows what it does not like, is the last page.
type listings struct{ base http.RoundTripper }

type listingKey struct{}

// oneListing returns the context of the requests of a listing.
func oneListing(ctx context.Context) context.Context {
	return context.WithValue(ctx, listingKey{}, true)
}

const objectsKind = "storage#objects"

func (t *listings) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Value(listingKey{}) == nil {
		return t.base.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	query := r.URL.Query()
	if fields := query.Get("fields"); fields != "" {
		query.Set("fields", "kind,"+fields)
		r.URL.RawQuery = query.Encode()
	}
	out, err := t.base.RoundTrip(r)
	if err != nil || out.StatusCode != http.StatusOK {
		return out, err
	}
	page, err := io.ReadAll(out.Body) // a page has an end, and is decoded whole anyway
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return nil, err
	}
	if kind, err := kindIn(page); err == nil && kind != objectsKind { // what is no JSON the SDK refuses itself
		return nil, errNotGCS
	}
	out.Body = io.NopCloser(bytes.NewReader(page))
	return out, nil
}

// kindIn reads the kind of an answer, as a rule the first of its fields, and no
// further.
func kindIn(answer []byte) (kind string, err error) {
	in := json.NewDecoder(bytes.NewReader(answer))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return "", err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return "", err
		}
		if name == "kind" {
			err = in.Decode(&kind)
			return kind, err
		}
		var skipped json.RawMessage
		if err := in.Decode(&skipped); err != nil {
			return "", err
		}
	}
	return "", nil
}
