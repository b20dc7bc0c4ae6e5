// Package config reads the configuration file and everything that it decides:
// what a URL names, which figures the planner believes, and which key of the
// destination an object gets.
//
// The file is YAML. Unknown keys are errors, ${NAME} in a value is replaced by
// an environment variable, and everything is checked when the file is loaded,
// so that the rest of skyctl never meets a malformed name or figure. Nothing
// here contacts anything; only files of this workstation are looked at.
//
// Every error is wrong usage (exit 2), one line that names the key or URL and
// says what to do.
package config
