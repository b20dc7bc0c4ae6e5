package cli

import (
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
	"github.com/skyctl/skyctl/orchestrator/deploy"
)

// TestCloudScripts runs testdata/clouds/*.txtar, each with an account of AWS
// that is played over HTTP: see leftInAWS.
func TestCloudScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "clouds"),
		Setup: func(env *testscript.Env) error {
			world := leftInAWS()
			server := httptest.NewServer(world.AWS())
			env.Defer(server.Close)
			env.Values["world"] = world
			for name, value := range map[string]string{
				"SKYCTL_HOME": filepath.Join(env.WorkDir, ".home"), "HOME": env.WorkDir, "OWNER": deploy.Owner(),
				"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"} {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "deny": deny, "silence": silence},
	})
}

// leftInAWS is what three runs left: one of this user's that is over, one of
// this user's that is not, and one of somebody else's.
func leftInAWS() *accounttest.World {
	now := time.Now().UTC()
	tags := func(run, owner string, expires time.Time) map[string]string {
		return map[string]string{"skyctl-run": run, "skyctl-owner": owner, "skyctl-expires": expires.Format(time.RFC3339)}
	}
	mine := tags("261120-aaaaaaaa", deploy.Owner(), now.Add(-48*time.Hour))
	live := tags("261122-bbbbbbbb", deploy.Owner(), now.Add(time.Hour))
	bobs := tags("261101-cccccccc", "bob@elsewhere", now.Add(-400*time.Hour))
	born := now.Add(-50 * time.Hour)
	return &accounttest.World{Account: "123456789012", Regions: []string{"us-east-1", "eu-west-1"}, Things: []*accounttest.Thing{
		{ID: "sg-1", Kind: "security-group", Region: "us-east-1", Name: "skyctl-x", Tags: mine, HeldBy: []string{"i-1"}},
		{ID: "i-1", Kind: "instance", Region: "us-east-1", Machine: "c6in.8xlarge", State: "running", Tags: mine, Created: born},
		{ID: "i-2", Kind: "instance", Region: "eu-west-1", Machine: "m5.large", State: "running", Tags: live, Created: now},
		{ID: "i-3", Kind: "instance", Region: "eu-west-1", Machine: "m5.large", State: "running", Tags: bobs, Created: born},
		{ID: "i-4", Kind: "instance", Region: "eu-west-1", Machine: "m5.large", State: "running", Tags: map[string]string{"Name": "db"}, Created: born},
	}}
}

// deny ACTION… has AWS refuse actions from now on.
func deny(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: deny ACTION…")
	}
	ts.Value("world").(*accounttest.World).Denied = args
}

// silence REGION… has regions of AWS answer nothing from now on.
func silence(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: silence REGION…")
	}
	ts.Value("world").(*accounttest.World).Silent = args
}
