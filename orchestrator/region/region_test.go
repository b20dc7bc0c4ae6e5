package region

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in    string
		cloud Cloud
		name  string
		slug  string
		owned bool
	}{
		{"aws:us-east-1", AWS, "us-east-1", "aws-us-east-1", false},
		{"gcp:us-central1", GCP, "us-central1", "gcp-us-central1", false},
		{"azure:westus2", Azure, "westus2", "azure-westus2", false},
		{"ssh:rack1", SSH, "rack1", "ssh-rack1", true},
		{"local:east", Local, "east", "local-east", true},
		{string(Workstation), Local, "workstation", "local-workstation", true},
	} {
		r, err := Parse(c.in)
		if err != nil || r.Cloud() != c.cloud || r.Name() != c.name || r.Slug() != c.slug || r.Cloud().Owned() != c.owned {
			t.Errorf("%q: cloud %s, name %s, slug %s, %v", c.in, r.Cloud(), r.Name(), r.Slug(), err)
		}
	}
	for in, want := range map[string]string{
		"":                                 "not CLOUD:NAME",
		"us-east-1":                        "not CLOUD:NAME",
		"ibm:us":                           "unknown cloud",
		"AWS:us-east-1":                    "unknown cloud",
		":east":                            "unknown cloud",
		"local:":                           "needs a name",
		"local:East":                       "needs a name",
		"local:a b":                        "needs a name",
		"local:a:b":                        "needs a name",
		"local:-a":                         "needs a name",
		"local:a-":                         "needs a name",
		"local:../x":                       "needs a name",
		"local:\u00e9":                     "needs a name",
		"local:" + strings.Repeat("a", 41): "longer than",
	} {
		if r, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want %q", in, r, err, want)
		}
	}
}

func TestJSON(t *testing.T) {
	var prices map[Region]float64
	if err := json.Unmarshal([]byte(`{"local:east":1}`), &prices); err != nil || prices["local:east"] != 1 {
		t.Errorf("%v, %v", prices, err)
	}
	var r Region
	if err := json.Unmarshal([]byte(`"nowhere"`), &r); err == nil {
		t.Errorf("nowhere is accepted as %q", r)
	}
	if text, err := json.Marshal(Region("local:east")); err != nil || string(text) != `"local:east"` {
		t.Errorf("%s, %v", text, err)
	}
}
