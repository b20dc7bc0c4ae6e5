package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/metrics"
)

// TestMetrics: the orchestrator gets them, a gateway of the run does not.
func TestMetrics(t *testing.T) {
	h := newHop(t, 128<<20, 2)
	h.put(t, "k", 5<<20)
	h.object(t, 0, "k", 5<<20, 1<<20)
	get := func(c *tls.Config) (int, string) {
		t.Helper()
		tr := &http.Transport{TLSClientConfig: c}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get("https://" + h.reader.address + metrics.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	code, text := get(h.authority.ClientConfig("r", "http/1.1"))
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, text)
	}
	for _, want := range []string{
		"skyagent_read_bytes_total 5.24288e+06\n",
		`skyagent_peer_chunks_total{direction="out",peer="w"} 5` + "\n",
		`skyagent_route_bytes_total{route="0"} 5.24288e+06` + "\n",
		`skyagent_store_seconds_count{operation="open",store="src"} 5` + "\n",
		`skyagent_store_seconds_bucket{operation="open",store="src",le="+Inf"} 5` + "\n",
		`skyagent_peer_connections{peer="w"} 2` + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	gateway, err := h.authority.NewIdentity("w")
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := get(gateway.ClientConfig("r", "http/1.1")); code != http.StatusForbidden {
		t.Errorf("a gateway gets status %d", code)
	}
}
