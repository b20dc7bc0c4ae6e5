package gcs

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// fake is a store that does what Google documents and the emulator does not:
// preconditions, generations of sources, checksums of compositions. It
// misbehaves as a test wants.
type fake struct {
	// intercept answers a request itself and returns true, or leaves it.
	intercept func(w http.ResponseWriter, r *http.Request) bool
	// loseReply tells of which requests the reply is lost.
	loseReply func(r *http.Request) bool

	url      string
	pageSize int    // of listings
	settings string // the JSON of the bucket
	class    string // the bucket's default
	retained string // until when the bucket keeps what is written

	mu           sync.Mutex
	objects      map[string]*stored // by key
	generation   int64              // the last one
	requests     []string           // METHOD and URI of each
	compositions []int              // the sources of each that was made
}

// stored is an object as the API describes it.
type stored struct {
	Name               string            `json:"name"`
	Generation         int64             `json:"generation,string"`
	Metageneration     int64             `json:"metageneration,string"`
	Size               int64             `json:"size,string"`
	CRC32C             string            `json:"crc32c"`
	Updated            string            `json:"updated"`
	Created            string            `json:"timeCreated"`
	StorageClass       string            `json:"storageClass"`
	Retained           string            `json:"retentionExpirationTime,omitempty"`
	ContentType        string            `json:"contentType,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	CacheControl       string            `json:"cacheControl,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`

	data []byte
}

const fakeBucket = "bucket"

func newFake(t *testing.T) (*fake, objstore.Bucket) {
	t.Helper()
	f := &fake{objects: map[string]*stored{}, pageSize: 2, class: standard, settings: `{"name":"bucket","location":"US-EAST1"}`}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	b := open(t, objstore.Config{Type: "gcs", Bucket: fakeBucket, Endpoint: f.url, Run: "run"})
	t.Cleanup(func() { b.Close() })
	return f, b
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.RequestURI)
	f.mu.Unlock()
	w.Header().Set("X-Guploader-Uploadid", "REQ1")
	if f.intercept != nil && f.intercept(w, r) {
		return
	}
	if f.loseReply != nil && f.loseReply(r) {
		f.serve(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	f.serve(w, r)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	in, upload := strings.CutPrefix(path, "/upload")
	key, named := strings.CutPrefix(in, apiPath+"b/"+fakeBucket+"/o/")
	target, composes := strings.CutSuffix(key, "/compose")
	name, err := url.PathUnescape(target)
	body, readErr := io.ReadAll(r.Body)
	if readErr != nil {
		return // the client went away
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		refuse(w, 400, "invalid", err.Error())
	case upload:
		f.insert(w, r, body)
	case !named && in == apiPath+"b/"+fakeBucket+"/o":
		f.list(w, r)
	case in == apiPath+"b/"+fakeBucket:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, f.settings)
	case !named:
		refuse(w, 404, "notFound", "The specified bucket does not exist.")
	case composes && r.Method == http.MethodPost:
		f.compose(w, r, name, body)
	default:
		f.object(w, r, name)
	}
}

// allowed holds a request against its preconditions.
func (f *fake) allowed(w http.ResponseWriter, r *http.Request, name string) bool {
	want := r.URL.Query().Get("ifGenerationMatch")
	var have int64
	if o := f.objects[name]; o != nil {
		have = o.Generation
	}
	if want != "" && want != strconv.FormatInt(have, 10) {
		refuse(w, 412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
		return false
	}
	return true
}

// put stores o with the data, if that has the checksum that o announces.
func (f *fake) put(w http.ResponseWriter, o *stored, data []byte) bool {
	sum := checksum(data)
	if o.CRC32C != "" && o.CRC32C != sum {
		refuse(w, 400, "invalid", fmt.Sprintf("Provided CRC32C %q doesn't match calculated CRC32C %q.", o.CRC32C, sum))
		return false
	}
	f.generation++
	o.data, o.Size, o.CRC32C, o.Generation, o.Metageneration, o.Updated = data, int64(len(data)), sum, f.generation, 1, "2026-11-02T10:00:00Z"
	o.Created, o.Retained = time.Now().UTC().Format(time.RFC3339Nano), f.retained
	if o.StorageClass == "" {
		o.StorageClass = f.class
	}
	f.objects[o.Name] = o
	answer(w, o)
	return true
}

func (f *fake) insert(w http.ResponseWriter, r *http.Request, body []byte) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		refuse(w, 400, "invalid", err.Error())
		return
	}
	parts := multipart.NewReader(strings.NewReader(string(body)), params["boundary"])
	o := &stored{}
	var data []byte
	for i := range 2 {
		p, err := parts.NextPart()
		if err == nil && i == 0 {
			err = json.NewDecoder(p).Decode(o)
		} else if err == nil {
			data, err = io.ReadAll(p)
		}
		if err != nil {
			refuse(w, 400, "invalid", err.Error())
			return
		}
	}
	if f.allowed(w, r, o.Name) {
		f.put(w, o, data)
	}
}

func (f *fake) compose(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	var request struct {
		DeleteSourceObjects bool
		Destination         *stored
		SourceObjects       []struct {
			Name       string
			Generation int64 `json:",string"`
		}
	}
	if err := json.Unmarshal(body, &request); err != nil || len(request.SourceObjects) > maxSources {
		refuse(w, 400, "invalid", fmt.Sprintf("%d sources, %v", len(request.SourceObjects), err))
		return
	}
	var data []byte
	for _, s := range request.SourceObjects {
		o := f.objects[s.Name]
		if o == nil || o.Generation != s.Generation {
			refuse(w, 404, "notFound", "No such object: "+s.Name)
			return
		}
		data = append(data, o.data...)
	}
	request.Destination.Name = name
	if !f.allowed(w, r, name) || !f.put(w, request.Destination, data) {
		return
	}
	f.compositions = append(f.compositions, len(request.SourceObjects))
	for _, s := range request.SourceObjects {
		if request.DeleteSourceObjects {
			delete(f.objects, s.Name)
		}
	}
}

func (f *fake) object(w http.ResponseWriter, r *http.Request, name string) {
	o := f.objects[name]
	generation := r.URL.Query().Get("generation")
	if o == nil || generation != "" && generation != strconv.FormatInt(o.Generation, 10) {
		refuse(w, 404, "notFound", "No such object: "+fakeBucket+"/"+name)
		return
	}
	if !f.allowed(w, r, name) {
		return
	}
	switch {
	case r.Method == http.MethodDelete:
		delete(f.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Query().Get("alt") == "media":
		f.download(w, r, o)
	default:
		answer(w, o)
	}
}

func (f *fake) download(w http.ResponseWriter, r *http.Request, o *stored) {
	if o.ContentEncoding == "gzip" && r.Header.Get("Accept-Encoding") != "gzip" {
		w.Header().Set("X-Goog-Stored-Content-Encoding", "gzip")
		io.WriteString(w, "unpacked")
		return
	}
	first, last, status := 0, len(o.data)-1, http.StatusOK
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err == nil {
		if first >= len(o.data) {
			refuse(w, 416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
			return
		}
		last, status = min(last, len(o.data)-1), http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(o.data)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(last-first+1))
	w.Header().Set("Content-Encoding", o.ContentEncoding)
	w.Header().Set("X-Goog-Generation", strconv.FormatInt(o.Generation, 10))
	w.Header().Set("X-Goog-Hash", "crc32c="+o.CRC32C)
	w.WriteHeader(status)
	f.mu.Unlock() // others write while somebody reads
	defer f.mu.Lock()
	w.Write(o.data[first : last+1])
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	page := struct {
		Kind          string    `json:"kind"`
		NextPageToken string    `json:"nextPageToken,omitempty"`
		Items         []*stored `json:"items"`
		Prefixes      []string  `json:"prefixes,omitempty"`
	}{Kind: objectsKind}
	query := r.URL.Query()
	prefix := query.Get("prefix")
	var keys []string
	for key := range f.objects {
		if strings.HasPrefix(key, prefix) && key > query.Get("pageToken") && key >= query.Get("startOffset") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if len(keys) > f.pageSize {
		keys = keys[:f.pageSize]
		page.NextPageToken = keys[f.pageSize-1]
	}
	for _, key := range keys {
		rest := key[len(prefix):]
		if i := strings.Index(rest, "/"); query.Get("delimiter") == "/" && i >= 0 {
			if dir := key[:len(prefix)+i+1]; !slices.Contains(page.Prefixes, dir) {
				page.Prefixes = append(page.Prefixes, dir)
			}
			continue
		}
		page.Items = append(page.Items, f.objects[key])
	}
	answer(w, page)
}

// temporaries are the keys of what is staged.
func (f *fake) temporaries() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for key := range f.objects {
		if strings.HasPrefix(key, temporary) {
			keys = append(keys, key)
		}
	}
	return keys
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func refuse(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%d,"message":%q,"errors":[{"reason":%q,"message":%[2]q}]}}`, status, message, reason)
}

func checksum(data []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(chunk.Sum(data))))
}

func bodyOf(data []byte) objstore.Body {
	return objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}
}
