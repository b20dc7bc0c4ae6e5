package account

import (
	"testing"
	"time"
)

func TestRunOf(t *testing.T) {
	for name, want := range map[string]string{
		"skyctl-261122-g3kd4f9q-aws-us":        "261122-g3kd4f9q",
		"skyctl-261122-g3kd4f9q":               "261122-g3kd4f9q",
		"skyctl-261122-g3kd4f9qx-aws":          "",
		"my-skyctl-261122-g3kd4f9q-aws":        "",
		"skyctl-state-bucket":                  "",
		"skyctl-261122-g3kd4f9q-gcp-us-x-0-to": "261122-g3kd4f9q",
	} {
		if got := RunOf(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestTagged(t *testing.T) {
	at := time.Date(2026, 11, 22, 16, 0, 5, 0, time.UTC)
	for _, test := range []struct {
		value string
		want  time.Time
	}{
		{"2026-11-22T16:00:05Z", at},
		{"2026-11-22T17:00:05+01:00", at},
		{Label("2026-11-22T16:00:05Z"), at},
		{"soon", time.Time{}},
		{"", time.Time{}},
	} {
		r := Resource{Run: "from-name"}
		r.Tagged(map[string]string{TagOwner: "ann@host", TagExpires: test.value})
		if !r.Expires.Equal(test.want) || r.Owner != "ann@host" || r.Run != "from-name" {
			t.Errorf("%q: got %+v", test.value, r)
		}
	}
}

func TestLabelIsWhatTheModuleMakes(t *testing.T) {
	if got := Label("Ann.B@My-Host.example"); got != "ann-b-my-host-example" {
		t.Errorf("got %s", got)
	}
	if got := Label(string(make([]byte, 70))); len(got) != 63 {
		t.Errorf("got %d characters", len(got))
	}
}
