package enroll

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestProofVectors fixes the proofs: another implementation, or another
// version, must arrive at the same bytes.
func TestProofVectors(t *testing.T) {
	key, exporter := make([]byte, tokenSize), make([]byte, exporterSize)
	for i := range key {
		key[i], exporter[i] = byte(i), byte(0x80+i)
	}
	var got strings.Builder
	fmt.Fprintf(&got, "token    %x\nexporter %x\n", key, exporter)
	for _, c := range []struct {
		label   string
		payload [][]byte
	}{
		{labelOrchestrator, nil},
		{labelAgent, [][]byte{[]byte("certificate request")}},
		{labelInstall, [][]byte{[]byte("leaf"), []byte("intermediate")}},
	} {
		fmt.Fprintf(&got, "%s %q\n  %x\n", c.label, bytes.Join(c.payload, nil), prove(key, c.label, exporter, c.payload...))
	}
	const golden = "testdata/proofs.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	mac := `"` + strings.Repeat("A", 43) + `="`
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "JSON"},
		{"null", "null", "mac has 0 bytes"},
		{"array", "[]", "JSON"},
		{"unknown field", `{"mac":` + mac + `,"x":1}`, `"x"`},
		{"short mac", `{"mac":"AAAA"}`, "mac has 3 bytes"},
		{"two", `{"mac":` + mac + `}{}`, "something follows"},
		{"large", `{"mac":"` + strings.Repeat("A", maxMessage) + `"}`, "larger than"},
	} {
		if _, err := decode[helloRequest](strings.NewReader(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := decode[installRequest](strings.NewReader(`{"mac":` + mac + `,"chain":["","","","",""]}`)); err == nil {
		t.Error("a chain of five is accepted")
	}
}

// FuzzDecode holds that whatever is accepted is within the limits and comes
// out the same when it is written and read again.
func FuzzDecode(f *testing.F) {
	mac := bytes.Repeat([]byte{7}, sha256.Size)
	for _, m := range []message{
		helloRequest{MAC: mac},
		helloResponse{CSR: []byte("csr"), MAC: mac},
		installRequest{Chain: [][]byte{[]byte("leaf")}, MAC: mac},
	} {
		raw, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		again(t, raw, func(m helloRequest) bool { return len(m.MAC) == sha256.Size })
		again(t, raw, func(m helloResponse) bool { return len(m.MAC) == sha256.Size && len(m.CSR) > 0 })
		again(t, raw, func(m installRequest) bool { return len(m.MAC) == sha256.Size && len(m.Chain) <= maxChain })
	})
}

func again[M message](t *testing.T, raw []byte, within func(M) bool) {
	m, err := decode[M](bytes.NewReader(raw))
	if err != nil {
		return
	}
	if len(raw) > maxMessage+1 || !within(m) {
		t.Fatalf("%d bytes are accepted as %+v", len(raw), m)
	}
	first, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	m, err = decode[M](bytes.NewReader(first))
	if err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	if second, err := json.Marshal(m); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%s became %s, %v", hex.EncodeToString(first), second, err)
	}
}
