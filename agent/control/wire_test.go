package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// TestBadRequests speaks to the handler without the client, over HTTP/2.
func TestBadRequests(t *testing.T) {
	s := serve(t, identity(t), Handler(newFake()), "", offer{tcp: true})
	transport := &http.Transport{TLSClientConfig: authority().ClientConfig("gw-0"), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"good", "POST", pathBegin, `{"store":"s","key":"k","size":1,"metadata":{}}`, 200, `"id of k"`},
		{"unknown field", "POST", pathBegin, `{"stoer":"s"}`, 400, `stoer`},
		{"no body", "POST", pathBegin, ``, 400, "EOF"},
		{"not JSON", "POST", pathBegin, `store=s`, 400, "invalid character"},
		{"two values", "POST", pathBegin, `{}{}`, 400, "something follows"},
		{"wrong type", "POST", pathAssign, `{}`, 400, "cannot unmarshal"},
		{"odd chunk id", "POST", pathAssign, `[{"chunk":"x"}]`, 400, "OBJECT.INDEX"},
		{"large", "POST", pathBegin, `{"key":"` + strings.Repeat("x", maxSmall) + `"}`, 413, "too large"},
		{"wrong method", "GET", pathBegin, ``, 405, ""},
		{"unknown path", "POST", "/v1/nothing", `{}`, 404, ""},
		{"another version", "GET", "/v2/info", ``, 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "https://"+s.address+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != c.status || !strings.Contains(string(body), c.want) {
				t.Errorf("%s %s: %q, %v", resp.Proto, resp.Status, body, err)
			}
		})
	}
}

func TestAnAgentOfAnotherVersion(t *testing.T) {
	overBothServing(t, http.NotFoundHandler(), func(t *testing.T, c *Client) {
		if _, err := c.Info(t.Context()); err == nil || err.Error() != "agent answers 404 Not Found: is it another version?" {
			t.Errorf("got %v", err)
		}
	})
}

func TestReadLines(t *testing.T) {
	ok := `[{"seq":1,"chunk":"1.0","attempt":1,"dest":0,"route":0,"bytes":1,"digest":"00000000","took_ns":1}]` + "\n"
	for _, c := range []struct {
		name, in string
		want     string // the error
		final    bool
		yields   int
	}{
		{"the end", ok + ok, "unexpected EOF", false, 2},
		{"cut", ok + ok[:20], "unexpected end of JSON input", false, 1},
		{"an error", ok + `{"message":"over"}` + "\n" + ok, "over", true, 1},
		{"a store's error", `{"message":"x","store":{"kind":3}}`, "x", true, 0},
		{"rubbish", "x\n", "invalid character 'x' looking for beginning of value", false, 0},
		{"an endless line", strings.Repeat(" ", maxLarge+1), "bufio.Scanner: token too long", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			yields := 0
			err := readLines(strings.NewReader(c.in), func([]Result) error { yields++; return nil })
			_, final := errors.AsType[*finalError](err)
			if err == nil || err.Error() != c.want || final != c.final || yields != c.yields {
				t.Errorf("%v, final %v, after %d", err, final, yields)
			}
		})
	}
}

func FuzzReadLines(f *testing.F) {
	digest := chunk.Sum([]byte("x"))
	batch, err := json.Marshal([]Result{{Seq: 1, Digest: digest, Failure: &Failure{Stage: StageRead, Kind: objstore.KindCorrupt}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(batch, '\n'))
	f.Add([]byte("[]\n{\"message\":\"x\"}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := 0
		if err := readLines(bytes.NewReader(in), func([]Result) error { lines++; return nil }); err == nil {
			t.Error("a stream ended without an error")
		}
		if lines > bytes.Count(in, []byte("\n"))+1 {
			t.Errorf("%d lines of %d bytes", lines, len(in))
		}
	})
}

func TestAssignBodiesAreBounded(t *testing.T) {
	chunks := assignments(0, 3000)
	bodies, err := assignBodies(chunks)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, body := range bodies {
		var some []Assignment
		if err := json.Unmarshal(body, &some); err != nil || len(body) > maxAssign+1 {
			t.Errorf("%d bytes, %v", len(body), err)
		}
		n += len(some)
	}
	if len(bodies) < 2 || n != len(chunks) {
		t.Errorf("%d bodies hold %d of %d", len(bodies), n, len(chunks))
	}
}
