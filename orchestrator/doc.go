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
//
// # Whose part is what
//
// In the order of the story, each package's answer is what the next is asked with:
//
//	places    the URLs of a request: resolved, opened, their keys, credentials for them
//	basis     what links carry and things cost, and where there may be gateways
//	quote     the planner is asked; its answer is an overlay of regions
//	room      have the clouds room for that; what a plan is to do without
//	layout    the overlay by gateways
//	deploy    gateways that are up and enrolled
//	fleet     the same as the transfer uses them: told their parts, replaced
//	transfer  the objects go, are verified and committed
//	midway    meanwhile: links are other than believed, what now
//	ledger    meanwhile: what that costs, and whether it may
//
// failure has the errors of all of them that are for the user. setup and measure
// are commands of their own, around runs.
//
// # Where to read on
//
// request.go and plan.go make a run, apply.go takes it up, attempt.go carries it
// out, destroy.go ends it. What changes a plan has a file a reason: noroom.go (a
// cloud cannot have it), reroute.go (its links are other than believed), enlarge.go
// (further gateways are worth while). afford.go is what a run may cost.
package orchestrator
