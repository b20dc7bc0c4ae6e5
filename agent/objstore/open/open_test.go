package open

import (
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
)

func TestOpen(t *testing.T) {
	for _, cfg := range []objstore.Config{
		{Type: "file", Bucket: t.TempDir()},
		{Type: "mem", Bucket: t.Name()},
	} {
		t.Run(cfg.Type, func(t *testing.T) {
			b, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if _, err := b.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOpenContactsNothing: the endpoint is one that nobody answers at.
func TestOpenContactsNothing(t *testing.T) {
	for _, cfg := range []objstore.Config{
		{Type: "gcs", Bucket: "b", Credentials: map[string]string{"credentials_file": "/does/not/exist"}},
		{Type: "s3", Bucket: "b", Endpoint: "http://127.0.0.1:1", Credentials: map[string]string{"access_key_id": "a", "secret_access_key": "b"}},
	} {
		b, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenOfAnUnknownTypeNamesTheKnown(t *testing.T) {
	_, err := Open(t.Context(), objstore.Config{Type: "ftp", Bucket: "b"})
	if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), `"ftp"; known are `) || !strings.Contains(err.Error(), "file, gcs, mem, s3") {
		t.Errorf("got %v", err)
	}
}
