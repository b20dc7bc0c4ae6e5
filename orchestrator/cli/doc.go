// Package cli is skyctl's command line: it reads arguments, calls package
// orchestrator, and shows what came of it. It decides nothing about transfers.
//
// Every command is a struct of its flags with a Run method, in a file of its
// own. Run gets what it names in its parameters from Main, which binds it once:
// the context that a signal ends, the service (package orchestrator, made from
// configuration and environment when the first command asks), and the console.
//
// Three places hold what must be the same everywhere:
//
//	exit.go     which error is which exit code, word and hint
//	console.go  who writes to standard output and standard error, and when
//	signals.go  what the first and the second ^C do
package cli
