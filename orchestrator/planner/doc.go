// Package planner decides how a job is carried out: which regions get gateways,
// how many of which type, what flows between them and over which trees, at what
// cost.
//
// Solve and Frontier are the whole of it: pure functions of the job, the grid,
// the price book and the limits, without I/O, clock or chance. MODEL.md beside
// this file states the model: variables, constraints, units, where each figure
// comes from, and what the gap that each plan states is measured against.
//
// From the figures to the plan:
//
//	problem    the job in figures: sites, their machines, links
//	tree       a way for a share of the bytes, and the finder of the lightest
//	master     the program over trees and gateways, which milp solves (program,
//	           prices, cover)
//	solver     the cheapest plan at a rate, and bounds over rates (rate, search)
//	frontier   plans from the cheapest to the fastest, and the knee
//	goals      which of them the user asked for
//	build, why the overlay, and what holds it back
package planner
