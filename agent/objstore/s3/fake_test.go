package s3

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// fake is a store that takes every key as it is on the wire, and misbehaves as
// a test wants: what a real server of a test machine never does.
type fake struct {
	// intercept answers a request itself and returns true, or leaves it.
	intercept func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	objects  map[string]stored // by key
	requests []string          // METHOD and URI of each
}

type stored struct {
	data   []byte
	header http.Header // x-amz-…
}

const fakeBucket = "bucket"

func newFake(t *testing.T) (*fake, objstore.Bucket) {
	t.Helper()
	return newFakeOf(t, objstore.Config{Bucket: fakeBucket})
}

// newFakeOf is newFake for a store that is configured further.
func newFakeOf(t *testing.T, cfg objstore.Config) (*fake, objstore.Bucket) {
	t.Helper()
	f := &fake{objects: map[string]stored{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	cfg.Endpoint, cfg.PathStyle = server.URL, true
	cfg.Credentials = map[string]string{"access_key_id": "id", "secret_access_key": "secret"}
	b := open(t, cfg)
	t.Cleanup(func() { b.Close() })
	return f, b
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.RequestURI)
	f.mu.Unlock()
	w.Header().Set("X-Amz-Request-Id", "REQ1")
	if f.intercept != nil && f.intercept(w, r) {
		return
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if query != "" && r.URL.Query().Has("list-type") {
		f.list(w, r)
		return
	}
	if path == "/"+fakeBucket && r.Method == http.MethodHead {
		return // it exists
	}
	key, err := url.PathUnescape(strings.TrimPrefix(path, "/"+fakeBucket+"/"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidURI", err.Error())
		return
	}
	f.object(w, r, key)
}

func (f *fake) object(w http.ResponseWriter, r *http.Request, key string) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		o := stored{data: data, header: http.Header{}}
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Meta-") || name == "X-Amz-Checksum-Crc32c" {
				o.header[name] = values
			}
		}
		f.objects[key] = o
		w.Header().Set("ETag", etag(data))
	case http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		o, ok := f.objects[key]
		if !ok {
			refuse(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
			return
		}
		for name, values := range o.header {
			if name != "X-Amz-Checksum-Crc32c" || r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
				w.Header()[name] = values
			}
		}
		w.Header().Set("ETag", etag(o.data))
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
		first, last := 0, len(o.data)-1
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(o.data)))
			w.Header().Set("Content-Length", strconv.Itoa(last-first+1))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(len(o.data)))
		}
		if r.Method == http.MethodGet {
			w.Write(o.data[first : last+1])
		}
	}
}

// list answers two keys a page.
func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	const pageSize = 2
	type content struct {
		Key, ETag string
		Size      int
	}
	type commonPrefix struct{ Prefix string }
	query := r.URL.Query()
	prefix, after, delimiter := query.Get("prefix"), max(query.Get("start-after"), query.Get("continuation-token")), query.Get("delimiter")
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Name, EncodingType    string
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
		CommonPrefixes        []commonPrefix
	}{Name: fakeBucket, EncodingType: query.Get("encoding-type")}
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		dir, _, inDir := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		switch {
		case !strings.HasPrefix(key, prefix) || key <= after || seen[dir]:
			continue
		case len(page.Contents)+len(page.CommonPrefixes) == pageSize:
			page.IsTruncated = true
		case delimiter != "" && inDir:
			seen[dir] = true
			page.CommonPrefixes = append(page.CommonPrefixes, commonPrefix{url.QueryEscape(prefix + dir + "/")})
			page.NextContinuationToken = prefix + dir + "/\U0010FFFF"
		default:
			page.Contents = append(page.Contents, content{url.QueryEscape(key), etag(f.objects[key].data), len(f.objects[key].data)})
			page.NextContinuationToken = key
		}
		if page.IsTruncated {
			break
		}
	}
	if !page.IsTruncated {
		page.NextContinuationToken = ""
	}
	if err := xml.NewEncoder(w).Encode(page); err != nil {
		panic(err)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

func etag(data []byte) string {
	sum := md5.Sum(data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func bodyOf(data []byte) objstore.Body {
	return objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}
}
