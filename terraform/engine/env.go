package engine

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// cliConfig names the file with the user's own settings of Terraform.
const cliConfig = "TF_CLI_CONFIG_FILE"

// ownEnv are the variables that would make Terraform work on something else
// than the root as it was rendered, or say things that a program cannot read.
// Where it finds providers and credentials stays the user's choice.
var ownEnv = []string{
	"TF_DATA_DIR", "TF_WORKSPACE", "TF_INPUT", "TF_IN_AUTOMATION", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PATH", "TF_LOG_PROVIDER",
	"TF_REATTACH_PROVIDERS", "TF_APPEND_USER_AGENT", "TF_DISABLE_PLUGIN_TLS", "TF_SKIP_PROVIDER_VERIFY", "TF_STATE_PERSIST_INTERVAL",
}

// cleanEnv returns the environment for Terraform: the given one without ownEnv,
// TF_VAR_*, TF_CLI_ARGS*, and without a look for updates.
func cleanEnv(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	for name := range env {
		if strings.HasPrefix(name, "TF_VAR_") || strings.HasPrefix(name, "TF_CLI_ARGS") {
			delete(env, name)
		}
	}
	for _, name := range ownEnv {
		delete(env, name)
	}
	env["CHECKPOINT_DISABLE"] = "1"
	// Of a configuration that is not there OpenTofu warns on its standard output,
	// in which terraform-exec then finds no version. An empty one says the same.
	if path := env[cliConfig]; path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			env[cliConfig] = os.DevNull
		}
	}
	return env
}
