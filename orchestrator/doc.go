// Package orchestrator carries a transfer from a user's request to a verified
// end: plan -> deploy -> transfer -> verify -> destroy.
//
// Each step belongs to a package below this one, which knows nothing of the
// others; this package hands the result of one to the next, keeps the run
// directory, and sees to it that every way out of a run either destroys its
// gateways or returns an error that says what is left.
//
//	Plan     list the source into the journal, solve, render, preview with
//	         Terraform; creates nothing in a cloud
//	Apply    mint tokens, apply, enroll; transfer, verify; destroy
//	Resume   the same from wherever an earlier process stopped
//	Cancel   abort what is staged, destroy, keep the journal
//
// Where a plan has no gateways the engine, package agent, runs inside this
// process and the Terraform half is left out; everything else is the same.
package orchestrator
