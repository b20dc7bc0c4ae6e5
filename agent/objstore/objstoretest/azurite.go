package objstoretest

import (
	"net"
	"os/exec"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/skyctl/skyctl/agent/objstore"
)

const azurite = "azurite@3.37.0/node_modules/.bin/azurite-blob"

// The account that every Azurite has; its key is published.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// AzuriteServer is Microsoft's emulator of Azure Storage; it runs until the
// test ends and keeps everything in memory.
type AzuriteServer struct {
	Endpoint string // of the account: http://127.0.0.1:PORT/ACCOUNT
	Account  string
	Key      string

	process *process
}

// StartAzurite starts the blob service of Azurite. It runs on Node.js, which
// the Makefile does not install.
func StartAzurite(t testing.TB) AzuriteServer {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("%v; install Node.js 20 or newer with npm, then run make tools", err)
	}
	// The version check is for emulators that are older than the SDK; what the
	// SDK says to Azure is not to change because of it.
	address, p := serve(t, azurite, nil, func(address string) []string {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		return []string{"--blobHost", host, "--blobPort", port, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"}
	})
	return AzuriteServer{Endpoint: "http://" + address + "/" + azuriteAccount, Account: azuriteAccount, Key: azuriteKey, process: p}
}

// Config makes the container if it does not exist, and says how to reach it.
func (s AzuriteServer) Config(t testing.TB, container string) objstore.Config {
	t.Helper()
	if _, err := s.Client(t).CreateContainer(t.Context(), container, nil); err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		t.Fatal(err)
	}
	return objstore.Config{
		Type: "azblob", Bucket: container, Endpoint: s.Endpoint,
		Credentials: map[string]string{"account_name": s.Account, "account_key": s.Key},
	}
}

// Client is the SDK's own, for what a test asks past the provider.
func (s AzuriteServer) Client(t testing.TB) *service.Client {
	t.Helper()
	credential, err := service.NewSharedKeyCredential(s.Account, s.Key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := service.NewClientWithSharedKeyCredential(s.Endpoint, credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Stop ends the server now.
func (s AzuriteServer) Stop(t testing.TB) {
	t.Helper()
	s.process.stop(t)
}
