package azblob

import (
	"math"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/skyctl/skyctl/agent/objstore"
)

func TestBlockNames(t *testing.T) {
	one := block{nonce{1, 2, 3}, kindPart, 7, 0xdeadbeef}
	if got, want := one.name(), "AQIDAAAAAAAAAAAAAAAAUAAAAAferb7v"; got != want {
		t.Errorf("%+v is %q, want %q: blocks of earlier versions are lost", one, got, want)
	}
	for _, b := range []block{one, {nonce{255}, kindBegun, 0, 0}, {nonce{}, kindAborted, 0, 0}, {nonce{9}, kindPart, maxParts - 1, math.MaxUint32}} {
		name := b.name()
		if got, ok := parseBlock(name); !ok || got != b || len(name) != len(one.name()) {
			t.Errorf("%+v is %q, which is %+v, %v", b, name, got, ok)
		}
	}
	for _, name := range []string{"", "short", "c2hvcnQ=", one.name() + "AAAA", "!" + one.name()[1:]} {
		if _, ok := parseBlock(name); ok {
			t.Errorf("%q is a name", name)
		}
	}
	foreign := "c2hvcnQ="
	if s := stagedOf(nonce{1}, []*blockblob.Block{{Name: &foreign}, {}}); !s.others || s.exists() {
		t.Errorf("foreign blocks are %+v", s)
	}
}

func TestUploadIDs(t *testing.T) {
	u := newUpload(tagOf("run"), `"0x1"`, objstore.Metadata{ContentType: "text/plain", User: map[string]string{"a": "ü"}})
	id, err := u.id()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseUpload(id)
	if err != nil || got.Nonce != u.Nonce || got.Previous != u.Previous || got.Metadata.User["a"] != "ü" {
		t.Errorf("got %+v, %v", got, err)
	}
	if other := newUpload(tagOf("run"), "", objstore.Metadata{}); other.Nonce == u.Nonce {
		t.Error("two uploads have one nonce")
	}
	for _, id := range []string{"", "never begun", "e30", id[1:]} {
		if _, err := parseUpload(id); objstore.KindOf(err) != objstore.KindNotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}
