package azblob

import (
	"encoding/base64"
	"encoding/binary"
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

	"github.com/minio/crc64nvme"

	"github.com/skyctl/skyctl/agent/objstore"
)

// fake is a container that takes every name as it is on the wire, answers as
// Azure does where Azurite does not, and misbehaves as a test wants.
type fake struct {
	// intercept answers a request itself and returns true, or leaves it.
	intercept func(w http.ResponseWriter, r *http.Request) bool

	softDelete   int  // days
	immutable    bool // by a policy
	ignoresStart bool // of listings

	mu       sync.Mutex
	blobs    map[string]*stored // by name
	requests []string           // METHOD and URI of each
	writes   int
}

type stored struct {
	exists      bool // it was committed
	data        []byte
	etag        string
	header      http.Header // x-ms-meta-…, x-ms-access-tier
	tags        url.Values
	committed   []named
	uncommitted []named
}

type named struct {
	Name string
	Size int
	data []byte
}

const (
	fakeAccount   = "account"
	fakeContainer = "container"
)

func newFake(t *testing.T) (*fake, *bucket) {
	t.Helper()
	f := &fake{blobs: map[string]*stored{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	b := open(t, objstore.Config{
		Type: "azblob", Bucket: fakeContainer, Endpoint: server.URL + "/" + fakeAccount,
		Credentials: map[string]string{"account_name": fakeAccount, "account_key": "a2V5"},
	})
	t.Cleanup(func() { b.Close() })
	return f, b
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.RequestURI)
	f.mu.Unlock()
	w.Header().Set("X-Ms-Request-Id", "REQ1")
	if f.intercept != nil && f.intercept(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	name, err := url.PathUnescape(strings.TrimPrefix(strings.TrimPrefix(path, "/"+fakeAccount+"/"+fakeContainer), "/"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidUri", err.Error())
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch query := r.URL.Query(); {
	case query.Get("comp") == "list":
		f.list(w, query)
	case query.Get("restype") == "service":
		fmt.Fprintf(w, `<StorageServiceProperties><DeleteRetentionPolicy><Enabled>%v</Enabled><Days>%d</Days></DeleteRetentionPolicy></StorageServiceProperties>`,
			f.softDelete > 0, f.softDelete)
	case query.Get("restype") == "container":
		w.Header().Set("X-Ms-Has-Immutability-Policy", strconv.FormatBool(f.immutable))
		w.Header().Set("X-Ms-Has-Legal-Hold", "false")
		w.Header().Set("ETag", `"0x1"`)
	default:
		f.blob(w, r, name, body)
	}
}

func (f *fake) blob(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	s := f.blobs[name]
	if s == nil {
		s = &stored{}
	}
	comp := r.URL.Query().Get("comp")
	switch match := r.Header.Get("If-Match"); {
	case match != "" && (!s.exists || match != s.etag):
		refuse(w, http.StatusPreconditionFailed, "ConditionNotMet", "The condition is not met.")
	case r.Header.Get("If-None-Match") == "*" && s.exists:
		refuse(w, http.StatusConflict, "BlobAlreadyExists", "The specified blob already exists.")
	case r.Method == http.MethodPut:
		f.blobs[name] = s
		f.write(w, r, s, comp, body)
	case comp == "blocklist" && (s.exists || s.uncommitted != nil):
		writeBlockList(w, s)
	case !s.exists:
		refuse(w, http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.")
	case r.Method == http.MethodDelete:
		delete(f.blobs, name)
		w.WriteHeader(http.StatusAccepted)
	case comp == "tags":
		writeTags(w, s.tags)
	default:
		s.read(w, r)
	}
}

func writeTags(w http.ResponseWriter, tags url.Values) {
	type tag struct{ Key, Value string }
	set := struct {
		XMLName xml.Name `xml:"Tags"`
		Set     []tag    `xml:"TagSet>Tag"`
	}{}
	for key := range tags {
		set.Set = append(set.Set, tag{key, tags.Get(key)})
	}
	writeXML(w, set)
}

func (f *fake) write(w http.ResponseWriter, r *http.Request, s *stored, comp string, body []byte) {
	w.Header().Set("X-Ms-Content-Crc64", base64CRC64(crc64nvme.Checksum(body)))
	if comp == "block" {
		id := r.URL.Query().Get("blockid")
		s.uncommitted = slices.DeleteFunc(s.uncommitted, func(n named) bool { return n.Name == id })
		s.uncommitted = append(s.uncommitted, named{id, len(body), body})
		w.WriteHeader(http.StatusCreated)
		return
	}
	var committed []named
	if comp == "blocklist" {
		var ids struct{ Latest []string }
		if err := xml.Unmarshal(body, &ids); err != nil {
			panic(err)
		}
		body = nil
		for _, id := range ids.Latest {
			i := slices.IndexFunc(s.uncommitted, func(n named) bool { return n.Name == id })
			if i < 0 {
				refuse(w, http.StatusBadRequest, "InvalidBlockList", "The specified block list is invalid.")
				return
			}
			committed = append(committed, s.uncommitted[i])
			body = append(body, s.uncommitted[i].data...)
		}
	}
	f.writes++
	*s = stored{exists: true, data: body, etag: fmt.Sprintf(`"0x%X"`, f.writes), header: http.Header{}, committed: committed}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Ms-Meta-") || name == "X-Ms-Access-Tier" {
			s.header[name] = values
		}
	}
	tags, err := url.ParseQuery(r.Header.Get("X-Ms-Tags"))
	if err != nil {
		panic(err)
	}
	s.tags = tags
	w.Header().Set("ETag", s.etag)
	w.WriteHeader(http.StatusCreated)
}

func (s *stored) read(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), s.header)
	if len(s.tags) > 0 {
		w.Header().Set("X-Ms-Tag-Count", strconv.Itoa(len(s.tags)))
	}
	w.Header().Set("ETag", s.etag)
	w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
	first, last := 0, len(s.data)-1
	status := http.StatusOK
	if _, err := fmt.Sscanf(r.Header.Get("X-Ms-Range"), "bytes=%d-%d", &first, &last); err == nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(s.data)))
		status = http.StatusPartialContent
	}
	w.Header().Set("Content-Length", strconv.Itoa(last-first+1))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		w.Write(s.data[first : last+1])
	}
}

func writeBlockList(w http.ResponseWriter, s *stored) {
	list := struct {
		XMLName     xml.Name `xml:"BlockList"`
		Committed   []named  `xml:"CommittedBlocks>Block"`
		Uncommitted []named  `xml:"UncommittedBlocks>Block"`
	}{Committed: s.committed, Uncommitted: s.uncommitted}
	if s.exists {
		w.Header().Set("ETag", s.etag)
	}
	w.Header().Set("X-Ms-Blob-Content-Length", strconv.Itoa(len(s.data)))
	writeXML(w, list)
}

// list answers two blobs a page.
func (f *fake) list(w http.ResponseWriter, query url.Values) {
	const pageSize = 2
	type properties struct {
		Length int    `xml:"Content-Length"`
		ETag   string `xml:"Etag"`
	}
	type entry struct {
		Name       string
		Properties properties
	}
	type directory struct{ Name string }
	page := struct {
		XMLName     xml.Name    `xml:"EnumerationResults"`
		Endpoint    string      `xml:"ServiceEndpoint,attr"`
		Blobs       []entry     `xml:"Blobs>Blob"`
		Directories []directory `xml:"Blobs>BlobPrefix"`
		NextMarker  string
	}{Endpoint: "http://account/"}
	prefix, last, n := query.Get("prefix"), "", 0
	for _, name := range slices.Sorted(maps.Keys(f.blobs)) {
		s := f.blobs[name]
		if !s.exists || !strings.HasPrefix(name, prefix) || name <= query.Get("marker") || name < query.Get("startFrom") && !f.ignoresStart {
			continue
		}
		if n == pageSize {
			page.NextMarker = last
			break
		}
		last = name
		if i := strings.Index(name[len(prefix):], "/"); query.Get("delimiter") == "/" && i >= 0 {
			dir := directory{name[:len(prefix)+i+1]}
			if !slices.Contains(page.Directories, dir) {
				page.Directories = append(page.Directories, dir)
				n++
			}
			continue
		}
		page.Blobs = append(page.Blobs, entry{name, properties{len(s.data), strings.Trim(s.etag, `"`)}})
		n++
	}
	writeXML(w, page)
}

func writeXML(w http.ResponseWriter, v any) {
	if err := xml.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s\nRequestId:REQ1\nTime:now</Message></Error>", code, message)
}

func base64CRC64(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64(nil, crc))
}
