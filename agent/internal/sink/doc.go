// Package sink writes chunks into destination stores: whole objects in one
// step, parts of staged writes at their place, each checked against the
// reader's digest before the store keeps it.
//
// A store that wants a part's length and digest in advance gets it from
// memory; such parts are charged to the agent's budget while they are held. A
// reader has credit for them before it sends the first byte, so the budget is
// only the second line of defence. Other stores take a part as it arrives.
package sink
