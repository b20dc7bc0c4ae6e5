// Package transfer carries out a planned run: it lists the source into the
// journal, hands chunks to the gateways that read, takes their
// acknowledgements, retries what failed, replaces gateways that died, commits
// what is complete, and says when every byte has arrived.
//
// # The life of an object
//
// List records every object with the key it gets at each destination. Run
// takes the pending ones in order. An object of one chunk is put in one step
// by the gateway at the end of the chunk's route, which also checks it: one
// assignment, one acknowledgement, one record. A larger object is opened (Stat
// at the source for its metadata and checksum, Begin at each destination),
// its chunks are sent in any order by any reader, and when the last is
// acknowledged their digests combine into the object's, which is compared with
// what the source reports, and Commit makes the object visible and checks it
// again with the store.
//
// # One owner
//
// The state of the scheduler belongs to one goroutine, the loop. Every other
// goroutine does one thing that waits (an API call, a stream of results, the
// watch over one gateway) and hands the loop a function to run with the
// outcome. There are no locks. Only objects in flight are in memory: the rest
// is in the journal, and comes in pages as windows empty.
//
// # What is journaled when
//
// An acknowledgement goes into the journal's queue before anything is counted
// or decided from it, and an object's chunks are committed there before its
// Commit is asked for, because from then on the store forgets the parts. What
// a crash can lose is at most 100 ms of acknowledgements, which costs sending
// those chunks again. The numbers in Result are read from the journal, never
// from memory.
//
// # Who is lost
//
// A gateway that answers nothing for Health.Grace is lost: its chunks go to
// others, and another machine takes its place. What it may have left in the
// middle of a write goes when all is done (swept). Where none of several gateways
// answers it is this process that is cut off (cutOff): they go on with what they
// were assigned, and are asked anew when they are within reach again.
//
// # When the plan was wrong
//
// A reader gives a route the chunks that it has room for, so a slow one holds
// nobody up. Weights that are wrong for long are corrected by what the routes
// carried (weigh). Where the whole run is off its forecast for long, whoever
// planned is told what each link carried, and may answer with routes that the
// run did not have (foresee), over gateways that it has or that join it: these are
// ready when it answers.
//
// # Whose fault
//
// An object fails only by its own fault: its source or destination refused it
// for good, or it was tried Retry.Attempts times while others got through.
// What is everybody's trouble ends the run as *Interrupted, resumable, with
// nothing marked failed: a lost gateway that cannot be replaced, routes or
// stores that no longer let anything through, gateways close to their end, a
// stopped skyctl, credentials that have ended. A full destination
// (objstore.KindQuota on a write) counts as everybody's trouble too: space can be
// made, and then the run goes on, whereas a million failures could only be swept
// up by another run. For as long as roles of new machines may take to be known
// everywhere (Config.Roles), a store that refuses them is asked again.
package transfer
