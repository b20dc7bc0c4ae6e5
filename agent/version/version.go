// Package version is the release that both programs are of. All agents of a
// run must be of the orchestrator's.
package version

import "runtime/debug"

// Version is set by the linker; a plain go build says what the toolchain knows.
var Version string

func init() {
	if Version != "" {
		return
	}
	Version = "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		Version = info.Main.Version
	}
}
