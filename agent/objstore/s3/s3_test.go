package s3

import (
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func open(t testing.TB, cfg objstore.Config) objstore.Bucket {
	t.Helper()
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContractOnVersityGW(t *testing.T) {
	cfg := objstoretest.StartVersityGW(t).Config(t, "contract")
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t, cfg) }, objstoretest.CleansPaths())
}

func TestContractOnMinIO(t *testing.T) {
	cfg := objstoretest.StartMinIO(t).Config(t, "contract")
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t, cfg) })
}
