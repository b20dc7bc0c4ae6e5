package setup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
)

// program is the head of a program for Linux, and something behind it.
func program(machine uint16) []byte {
	p := make([]byte, 64+16)
	copy(p, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(p[16:], 2) // executable
	binary.LittleEndian.PutUint16(p[18:], machine)
	binary.LittleEndian.PutUint32(p[20:], 1)
	binary.LittleEndian.PutUint16(p[52:], 64)
	return append(p, fmt.Sprint("skyagent ", machine)...)
}

const (
	x86 = 62
	arm = 183
)

// stageFrom stages the agents of a directory with some files.
func stageFrom(t *testing.T, files map[string][]byte, url string) ([]StagedAgent, error) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cfg := objstoretest.StartVersityGW(t).Config(t, "agents")
	c := config.Default()
	c.Stores = map[string]config.Store{"east": {Type: "s3", Endpoint: cfg.Endpoint, PathStyle: cfg.PathStyle,
		Region: config.RegionList{"local:east"}, Credentials: cfg.Credentials}}
	return StageAgent(t.Context(), c, func(string) (string, bool) { return "", false }, filepath.Join(dir, "skyagent"), url)
}

// TestStageAgent: what is at the URL is the agent, for who has no credentials.
func TestStageAgent(t *testing.T) {
	files := map[string][]byte{"skyagent": program(x86), "skyagent-linux-arm64": program(arm)}
	staged, err := stageFrom(t, files, "east://agents/tools")
	if err != nil {
		t.Fatal(err)
	}
	if len(staged) != 2 || staged[0].Architecture != "amd64" || staged[1].Architecture != "arm64" {
		t.Fatalf("got %+v", staged)
	}
	for i, want := range [][]byte{files["skyagent"], files["skyagent-linux-arm64"]} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, staged[i].URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d %s, %v", resp.StatusCode, got, err)
		}
		if staged[i].SHA256 != fmt.Sprintf("%x", sha256.Sum256(want)) || !strings.Contains(staged[i].URL, "/agents/tools/skyagent-linux-"+staged[i].Architecture) {
			t.Errorf("%+v", staged[i])
		}
	}
}

func TestStageAgentWithoutAnAgentForLinux(t *testing.T) {
	var refused *failure.PreconditionError
	if _, err := stageFrom(t, map[string][]byte{"skyagent": []byte("\xcf\xfa\xed\xfe of a Mac")}, "east://agents/"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "no skyagent for Linux") {
		t.Errorf("got %v", err)
	}
}
