// Package fleet is the gateways of a run as the transfer uses them: it tells each
// its part, chooses how they reach each other, keeps them in credentials, and so
// lets a new one take the place of a lost one.
//
// Where a run has no gateways its fleet is the engine, package agent, inside this
// process.
package fleet
