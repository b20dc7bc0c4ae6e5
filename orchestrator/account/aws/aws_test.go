package aws

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
)

const run = "261122-g3kd4f9q"

var tags = map[string]string{"skyctl-run": run, "skyctl-owner": "ann@desk", "skyctl-expires": "2026-11-22T16:00:00Z", "Name": "skyctl-" + run + "-x", "team": "data"}

// world is what a run left in two regions: all in one, a machine in the other.
func world() *accounttest.World {
	born := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	return &accounttest.World{Account: "123456789012", Regions: []string{"us-east-1", "eu-west-1", "sa-east-1"}, Things: []*accounttest.Thing{
		{ID: "vpc-1", Kind: "vpc", Region: "us-east-1", Tags: tags, HeldBy: []string{"subnet-1", "igw-1", "rtb-1", "sg-1"}},
		{ID: "igw-1", Kind: "internet-gateway", Region: "us-east-1", Tags: tags, State: "attached"},
		{ID: "rtb-1", Kind: "route-table", Region: "us-east-1", Tags: tags, HeldBy: []string{"subnet-1"}},
		{ID: "subnet-1", Kind: "subnet", Region: "us-east-1", Tags: tags, HeldBy: []string{"i-1"}},
		{ID: "sg-1", Kind: "security-group", Region: "us-east-1", Name: "skyctl-x", Tags: tags, HeldBy: []string{"i-1", "eni-of-something"}},
		{ID: "pl-1", Kind: "prefix-list", Region: "us-east-1", Tags: tags, HeldBy: []string{"sg-1"}},
		{ID: "sg-default", Kind: "security-group", Region: "us-east-1", Name: "default", Tags: tags},
		{ID: "sgr-1", Kind: "security-group-rule", Region: "us-east-1", Tags: tags},
		{ID: "i-1", Kind: "instance", Region: "us-east-1", Machine: "c6in.8xlarge", State: "running", Tags: tags, Created: born},
		{ID: "i-over", Kind: "instance", Region: "us-east-1", Machine: "c6in.8xlarge", State: "terminated", Tags: tags, Created: born},
		{ID: "i-others", Kind: "instance", Region: "us-east-1", Machine: "m5.large", State: "running", Tags: map[string]string{"Name": "db"}, Created: born},
		{ID: "i-2", Kind: "instance", Region: "eu-west-1", Machine: "m5.large", State: "stopped", Tags: tags, Created: born},
	}}
}

func open(t *testing.T, w *accounttest.World, id string) *Account {
	t.Helper()
	server := httptest.NewServer(w.AWS())
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
		"AWS_REGION": "us-east-1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"} {
		t.Setenv(name, value)
	}
	a, err := Open(t.Context(), Config{AccountID: id, Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ids(found []account.Resource) []string {
	var all []string
	for _, r := range found {
		all = append(all, r.ID)
	}
	slices.Sort(all)
	return all
}

func TestFindInEveryRegionWhateverOneSays(t *testing.T) {
	w := world()
	w.Throttle, w.Silent = 2, []string{"sa-east-1"}
	found, err := open(t, w, "").Find(t.Context())
	if err == nil || err.Error() != "aws:sa-east-1: Unavailable: The region is closed for repairs." {
		t.Errorf("got %v", err)
	}
	if got, want := strings.Join(ids(found), " "), "i-1 i-2 igw-1 pl-1 rtb-1 sg-1 subnet-1 vpc-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, r := range found {
		if r.Run != run || r.Owner != "ann@desk" || !r.Expires.Equal(time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v", r)
		}
		if r.ID == "i-1" && (len(r.Machines) != 1 || r.Machines[0] != "c6in.8xlarge" || r.Created.IsZero() || r.Region != "aws:us-east-1") {
			t.Errorf("%+v", r)
		}
		if r.ID == "i-2" && len(r.Machines) != 0 {
			t.Errorf("a machine that is stopped bills nothing: %+v", r)
		}
	}
}

func TestARegionThatMayNotBeListedIsAnError(t *testing.T) {
	w := world()
	w.Denied = []string{"us-east-1 DescribeInstances"}
	found, err := open(t, w, "").Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "aws:us-east-1: UnauthorizedOperation") || len(found) != 1 {
		t.Errorf("got %v and %v", ids(found), err)
	}
}

func TestDelete(t *testing.T) {
	w := world()
	w.Lingers = 2
	a := open(t, w, "")
	found, err := a.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]account.Resource{}
	for _, r := range found {
		by[r.ID] = r
	}
	var busy *account.BusyError
	if err := a.Delete(t.Context(), by["vpc-1"]); !errors.As(err, &busy) || !strings.HasPrefix(err.Error(), "DependencyViolation: ") {
		t.Errorf("got %v", err)
	}
	for _, id := range []string{"i-1", "sg-1", "pl-1", "subnet-1", "rtb-1", "igw-1", "vpc-1"} {
		for range 2 { // what is gone is no error
			if err := a.Delete(t.Context(), by[id]); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
	}
	if got := strings.Join(w.Deleted(), " "); got != "i-1 sg-1 pl-1 subnet-1 rtb-1 igw-1 vpc-1" {
		t.Errorf("deleted %s", got)
	}
	if err := a.Delete(t.Context(), account.Resource{Kind: "bucket", ID: "b"}); err == nil {
		t.Error("deletes a bucket")
	}
}

func TestIdentify(t *testing.T) {
	who, err := open(t, world(), "123456789012").Identify(t.Context())
	if err != nil || who.Principal != "arn:aws:iam::123456789012:user/ann" {
		t.Errorf("got %+v, %v", who, err)
	}
	var wrong *account.MismatchError
	if _, err := open(t, world(), "210987654321").Identify(t.Context()); !errors.As(err, &wrong) || wrong.Got != "123456789012" {
		t.Errorf("got %v", err)
	}
}

// TestPolicy: IAM takes managed policies of 6,144 characters without blanks.
func TestPolicy(t *testing.T) {
	p, err := Policy()
	if err != nil {
		t.Fatal(err)
	}
	var policy document
	if err := json.Unmarshal(p.Document, &policy); err != nil || len(policy.Statement) != 2 || len(policy.Statement[0].Action) != len(needed)-1 {
		t.Errorf("%v: %s", err, p.Document)
	}
	if n := len(strings.Join(strings.Fields(string(p.Document)), "")); n > 6144 {
		t.Errorf("the policy has %d characters", n)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	w := world()
	w.Denied = []string{"CreateVpc", "RunInstances"}
	p, err := open(t, w, "").Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Missing, " "); got != "ec2:CreateVpc ec2:RunInstances" {
		t.Errorf("missing %s", got)
	}
	if !slices.Contains(p.Granted, "ec2:CreateSecurityGroup") || !slices.Contains(p.Unchecked, "ec2:DeleteVpc") {
		t.Errorf("%+v", p)
	}
	if len(p.Granted)+len(p.Missing)+len(p.Unchecked) != len(needed) {
		t.Errorf("%d + %d + %d are not %d", len(p.Granted), len(p.Missing), len(p.Unchecked), len(needed))
	}
	for _, action := range w.Asked() {
		if strings.HasPrefix(action, "Delete") || strings.HasPrefix(action, "Terminate") {
			t.Errorf("a check asked for %s", action)
		}
	}
	if len(w.Deleted()) > 0 {
		t.Errorf("a check deleted %v", w.Deleted())
	}
}
