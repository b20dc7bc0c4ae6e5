package cli

import "testing"

// What is printed to be typed is to do what it says, also where the configuration
// is one that only --config finds.
func TestUsable(t *testing.T) {
	const run, other = "261122-g3kd4f9q", "261122-g3kd4f9r"
	for _, c := range []struct{ text, config, want string }{
		{"skyctl resume " + run, "", "skyctl resume " + run},
		{"skyctl resume " + run, "a/b.yaml", "skyctl resume " + run + " --config a/b.yaml"},
		{"skyctl destroy " + run + " " + other, "b.yaml", "skyctl destroy " + run + " " + other + " --config b.yaml"},
		{"skyctl gc --delete --any-owner", "b.yaml", "skyctl gc --delete --config b.yaml --any-owner"},
		{"correct that, then: skyctl resume " + run + "; logs are in /runs/" + run, "b.yaml",
			"correct that, then: skyctl resume " + run + " --config b.yaml; logs are in /runs/" + run},
		{"skyctl resume " + run, "my config's $1.yaml", "skyctl resume " + run + ` --config 'my config'\''s $1.yaml'`},
		{"skyctl runs lists the runs", "b.yaml", "skyctl runs lists the runs"},
	} {
		if got := usable(c.text, c.config); got != c.want {
			t.Errorf("%q with %q is %q, want %q", c.text, c.config, got, c.want)
		}
	}
}
