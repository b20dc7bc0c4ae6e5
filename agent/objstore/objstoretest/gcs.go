package objstoretest

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
)

// GCSServer is an emulator of Cloud Storage, in memory, that runs until the
// test ends.
type GCSServer struct {
	Endpoint string // http://127.0.0.1:PORT/storage/v1/
}

// StartFakeGCS starts fake-gcs-server.
func StartFakeGCS(t testing.TB) GCSServer {
	t.Helper()
	address, _ := serve(t, fakeGCS, nil, func(address string) []string {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		return []string{"-backend", "memory", "-scheme", "http", "-host", host, "-port", port, "-log-level", "error"}
	})
	return GCSServer{Endpoint: "http://" + address + "/storage/v1/"}
}

// Config makes the bucket if it does not exist, and says how to reach it.
func (s GCSServer) Config(t testing.TB, bucket string) objstore.Config {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint+"b?project=test", strings.NewReader(`{"name":"`+bucket+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusConflict {
		t.Fatalf("make bucket %s: %s", bucket, answer.Status)
	}
	return objstore.Config{Type: "gcs", Bucket: bucket, Endpoint: s.Endpoint}
}
