package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCleanEnv(t *testing.T) {
	there := filepath.Join(t.TempDir(), "rc")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{there: there, there + "-not": os.DevNull, "": ""} {
		env := cleanEnv([]string{"TF_CLI_CONFIG_FILE=" + path, "TF_VAR_x=1", "TF_CLI_ARGS_plan=-destroy", "TF_DATA_DIR=/x", "AWS_PROFILE=p"})
		if env["TF_CLI_CONFIG_FILE"] != want || env["AWS_PROFILE"] != "p" || len(env) != 3 {
			t.Errorf("%q: %v", path, env)
		}
	}
}
