// Package midway plans a run anew while it goes on.
//
// A run that is off its forecast has measured links that the plan only believed
// in (learn.go). The planner is asked again, with those in the place of the
// beliefs and with the gateways that there are, which cost the same whatever is
// sent over them. Its answer becomes other weights for the routes that the run
// has, and routes that it did not have (Run.Reroute). Where these do not bring the
// run back it may be worth while to add gateways (Run.Further).
//
// Nothing is asked and nothing is done here: MODEL.md of package planner has the
// reasons, and package orchestrator carries out what comes of it.
package midway
