// Package ledger is what a run has cost, costs now, and costs when it goes on:
// machines by the time that they are rented, and egress by the bytes that passed
// each edge, at the prices of its plan. It is kept in the run's journal, so that
// also what was rented by a process that was killed is accounted for.
package ledger
