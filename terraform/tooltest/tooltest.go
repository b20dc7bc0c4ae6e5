// Package tooltest is for tests that are not part of every run, because they
// need a program that takes minutes to build: the Makefile builds it and names
// it in the environment. Only tests import it.
package tooltest

import (
	"os"
	"testing"
)

// Path is the program that the environment variable names. A test that was
// asked for and has none fails: target is what to make.
func Path(t testing.TB, variable, target string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s names no program: make %s does", variable, target)
	}
	return path
}
