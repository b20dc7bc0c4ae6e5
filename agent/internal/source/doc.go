// Package source reads assigned chunks and sends each along one of the
// reader's routes.
//
// Everything that decides when a chunk starts is decided here, without a round
// trip: the next chunk goes along the route where (outstanding + this chunk) /
// rate is least, so a route that slows gets less without anyone's order, and
// it starts only when the reader holds credit for every writer of the tree. Over
// TLS chunks of a route take turns at its connections, and one that has not begun
// leaves a route that slows.
// A chunk that waits for its acknowledgement holds credit, and no buffer.
package source
