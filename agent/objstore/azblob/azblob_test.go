package azblob

import (
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func open(t testing.TB, cfg objstore.Config) *bucket {
	t.Helper()
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b.(*bucket)
}

// TestAzurite is what only a real server can tell.
func TestAzurite(t *testing.T) {
	server := objstoretest.StartAzurite(t)
	t.Run("Contract", func(t *testing.T) {
		cfg := server.Config(t, "contract")
		objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t, cfg) },
			objstoretest.Refuses(`back\slash`, "...", "a.", "tab\tand\nnewline"), objstoretest.TakesLateParts())
	})
	for name, test := range map[string]func(*testing.T, objstoretest.AzuriteServer){
		"TwoUploadsOfOneBlob":    testTwoUploadsOfOneBlob,
		"ChangedSinceBegin":      testChangedSinceBegin,
		"PartsOfTwoWrites":       testPartsOfTwoWrites,
		"AbortLeavesNothing":     testAbortLeavesNothing,
		"BytesChangedOnTheWay":   testBytesChangedOnTheWay,
		"BlocksOfAnotherProgram": testBlocksOfAnotherProgram,
		"CredentialsOfAllKinds":  testCredentialsOfAllKinds,
		"DelegatedByKey":         testDelegatedByKey,
		"Faults":                 testFaults,
		"ListAfter":              testListAfter,
		"Uploads":                testUploads,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}
