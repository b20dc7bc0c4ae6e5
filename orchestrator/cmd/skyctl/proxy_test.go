package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// proxy puts an HTTP proxy before a server. before is called with each request
// ahead of the server; where flip says so, one bit of the request's body, or of
// the response's if the request has none, is flipped.
func proxy(t testing.TB, before func(*http.Request), flip func(*http.Request) bool) func(endpoint string) string {
	return func(endpoint string) string {
		target, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		p := httputil.ReverseProxy{
			// The Host stays, as the request's signature has it.
			Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
				r.Out.Host = r.In.Host
			},
			ModifyResponse: func(r *http.Response) error {
				if r.Request.Context().Value(damaged{}) != nil && r.ContentLength > 0 {
					r.Body = flipped(r.Body)
				}
				return nil
			},
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if before != nil {
				before(r)
			}
			if flip != nil && flip(r) {
				if r.ContentLength > 0 {
					r.Body = flipped(r.Body)
				} else {
					r = r.WithContext(damage(r.Context()))
				}
			}
			p.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
}

// flipped returns the body with one bit of its first bytes flipped.
func flipped(body io.ReadCloser) io.ReadCloser {
	first := make([]byte, 100)
	n, err := io.ReadFull(body, first)
	if n > 0 {
		first[n/2] ^= 0x10
	}
	rest := io.Reader(body)
	if err != nil {
		rest = bytes.NewReader(nil)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(first[:n]), rest), body}
}

type damaged struct{}

func damage(ctx context.Context) context.Context { return context.WithValue(ctx, damaged{}, true) }
