// Package planner decides how a job is carried out: which regions get gateways,
// how many, what flows between them and over which routes, at what cost.
//
// Solve is the whole of it: a pure function of the job, the grid, the price book
// and the limits, without I/O, clock or chance. MODEL.md beside this file states
// the model: variables, constraints, units, the rules of the search, and what
// the gap that each plan states is measured against.
//
// The search here is successive cheapest paths with rules around them, and it
// says how far from the best it may be. A solver that is exact takes its place
// behind Solve without any change to Job, Limits or the Overlay it returns.
package planner
