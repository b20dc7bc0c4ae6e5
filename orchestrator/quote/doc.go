// Package quote asks the planner: what a transfer between places takes and costs,
// requests to their stores included, in chunks of which size; and what one between
// regions would, of which no more is known.
package quote
