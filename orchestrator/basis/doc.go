// Package basis is what the planner is told beside the job: what links carry and
// what things cost, as the configuration states it, a file has it, it was measured
// or imported before, or is built in; and where there may be gateways, and which.
package basis
