package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest/faults"
	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// plan is the document of a plan that succeeded.
func (w *world) plan(env []string, args ...string) orchestrator.Plan {
	w.t.Helper()
	c := w.command(append([]string{"plan", "--json"}, args...)...)
	c.Env = append(c.Env, env...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		w.t.Fatalf("%v\n%s\n%s", err, out, &stderr)
	}
	var p orchestrator.Plan
	if err := json.Unmarshal(out, &p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestRegionOfABucketIsAsked: a plan is for the region that the store names,
// whatever region the environment works in.
func TestRegionOfABucketIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.put("src/a", random(1, 1e6))
	p := faults.Start(t, w.east.Endpoint)
	p.Inject(faults.Fault{
		Match: func(r *http.Request) bool { return r.Method == http.MethodHead },
		Do: func(rw http.ResponseWriter, _ *http.Request, next func() *http.Response) {
			answer := next()
			answer.Header.Set("X-Amz-Bucket-Region", "eu-west-1")
			faults.Pass(rw, answer)
		},
	})
	config := w.configure("", "", "links:\n", "links:\n  - {from: aws:eu-west-1, to: local:workstation, gbps: 1, rtt_ms: 20, usd_per_gb: 0.02}\n")
	env := []string{"AWS_ENDPOINT_URL=" + p.Endpoint(), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=" + w.east.AccessKey, "AWS_SECRET_ACCESS_KEY=" + w.east.SecretKey}
	plan := w.plan(env, "-r", "s3://data/src", "west://data/dst", "--gateways", "0", "--config", config)
	// The figures of the configuration are for that region alone: with another
	// the plan fails.
	if want := unit.USD(0.02 * 1e6 / 1e9); math.Abs(float64(plan.Cost.Egress-want)) > 1e-9 {
		t.Errorf("egress costs %v, want %v", plan.Cost.Egress, want)
	}
}

// TestCredentialsThatAreNotLimited: a plan says of which stores the credentials
// leave this machine whole, and of no others.
func TestCredentialsThatAreNotLimited(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.put("src/a", random(1, 1000))
	rack := fmt.Sprintf(`  rack: {type: s3, endpoint: %q, region: "ssh:rack1", path_style: true, credentials: {access_key_id: %q, secret_access_key: %q}}`+"\n",
		w.east.Endpoint, w.east.AccessKey, w.east.SecretKey)
	config := w.configure(rack, "", "regions:\n", "regions:\n  ssh:rack1: {hosts: [{address: 192.0.2.7}]}\n")
	for source, want := range map[string]string{"rack://data/src/a": "rack://data/src/a: the gateways get credentials that are not limited to this transfer: no session", "east://data/src/a": ""} {
		plan := w.plan(nil, source, "west://data/dst", "--gateways", "1", "--config", config)
		if len(plan.Regions) == 0 {
			t.Errorf("%s: no gateways are planned", source)
		}
		if got := strings.Join(plan.Warnings, "\n"); !strings.HasPrefix(got, want) || len(plan.Warnings) > 1 || (got == "") != (want == "") {
			t.Errorf("%s: warnings %q, want %q", source, plan.Warnings, want)
		}
	}
}

// TestSymbolicLinks are copied as links from files to files, and through an
// object store, which keeps them as metadata; a named pipe cannot be, and the
// plan says so.
func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	tree := filepath.Join(w.dir, "tree")
	if err := os.MkdirAll(filepath.Join(tree, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "dir", "file"), []byte("bytes"), 0o640); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"link": "dir/file", "down": "dir", "dir/nowhere": "../gone"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(tree, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := w.plan(nil, "-r", "tree", "copy", "--symlinks", "copy")
	if len(plan.Warnings) != 1 || plan.Warnings[0] != `tree: "pipe" is a named pipe and was left out` {
		t.Errorf("warnings %q", plan.Warnings)
	}
	w.succeeded(w.skyctl("cp", "-r", "tree", "copy", "--symlinks", "copy", "--yes", "--json"), 4)
	w.succeeded(w.skyctl("cp", "-r", "tree", "east://data/tree", "--symlinks", "copy", "--yes", "--json"), 4)
	w.succeeded(w.skyctl("cp", "-r", "east://data/tree", "back", "--yes", "--json"), 4)
	for _, root := range []string{"copy", "back"} {
		for name, target := range links {
			if got, err := os.Readlink(filepath.Join(w.dir, root, name)); err != nil || got != target {
				t.Errorf("%s/%s leads to %q, %v; want %q", root, name, got, err, target)
			}
		}
		info, err := os.Stat(filepath.Join(w.dir, root, "dir", "file"))
		if err != nil || info.Size() != 5 || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: the file is %+v, %v", root, info, err)
		}
	}
	w.succeeded(w.skyctl("cp", "-r", "tree", "without", "--symlinks", "skip", "--yes", "--json"), 1)
}

// TestStorageClass on a store that has two: written as asked for, mapped from
// the source's, and said to be lost where nobody asked.
func TestStorageClass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	minio := objstoretest.StartMinIO(t)
	client := w.client(minio)
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("data")}); err != nil {
		t.Fatal(err)
	}
	w.addStore("minio", fmt.Sprintf(`{type: s3, endpoint: %q, region: "local:west", path_style: true, credentials: {access_key_id: %q, secret_access_key: %q}}`,
		minio.Endpoint, minio.AccessKey, minio.SecretKey))
	w.put("small", random(1, 1000))
	w.put("large", random(2, 11<<20))
	class := func(key string) string {
		t.Helper()
		out, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("data"), Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		return string(out.StorageClass)
	}
	cp := func(flags ...string) result {
		t.Helper()
		r := w.skyctl(append([]string{"cp", "-r", "--gateways", "0", "--chunk-size", "5MiB", "--yes", "--json"}, flags...)...)
		w.succeeded(r, 2)
		return r
	}
	cp("east://data/", "minio://data/reduced", "--storage-class", "REDUCED_REDUNDANCY")
	cp("minio://data/reduced", "minio://data/mapped", "--storage-class", "REDUCED_REDUNDANCY=STANDARD")
	lost := cp("minio://data/reduced", "minio://data/plain").NotCarried
	for _, key := range []string{"small", "large"} {
		if got := class("reduced/" + key); got != "REDUCED_REDUNDANCY" {
			t.Errorf("%s is of class %q", key, got)
		}
		for _, copied := range []string{"mapped/", "plain/"} {
			if got := class(copied + key); got != "" && got != "STANDARD" {
				t.Errorf("%s%s is of class %q", copied, key, got)
			}
		}
	}
	want := []orchestrator.NotCarried{{Dest: "minio://data/plain", Field: "storage class", Objects: 2}}
	if !slices.Equal(lost, want) {
		t.Errorf("not carried: %+v", lost)
	}
}
