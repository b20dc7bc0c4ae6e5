package mem

import (
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func TestContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket {
		b, err := Open(t.Context(), objstore.Config{Bucket: "TestContract"})
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}
