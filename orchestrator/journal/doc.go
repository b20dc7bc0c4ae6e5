// Package journal is the durable record of one run, an SQLite database: what
// was listed, what is staged, what is done. It is the only truth for resume.
//
// # What it promises
//
// Every object that was listed is in one of the states pending, done, skipped
// and failed, so listed = done + skipped + failed + pending holds in every
// committed state of the database, whatever process was killed when.
//
// A record is durable at most 100 ms after it was handed over: one goroutine
// takes records from a bounded queue and commits them together, when the
// oldest has waited for commitEvery, when there are commitRows of them, or when
// somebody waits in Flush. A commit is an fsync (synchronous=FULL in WAL mode).
// With at most about 20 of them a second that costs nothing worth saving, and
// it makes the promise hold for a power failure as well as for kill -9; under
// synchronous=NORMAL a power failure would also forget uploads that the store
// keeps and bills.
//
// What is lost is therefore at most the last 100 ms of acknowledgements, and
// each loss is harmless: the chunk is sent again and replaces itself.
//
// # Two halves
//
// Journal writes, and is opened by the holder of the run's lock only. Reader
// reads committed records and may be opened by anybody at the same time, also
// by another process (skyctl status). A Journal contains a Reader, which sees
// a record only after its commit: call Flush where that matters.
//
// Iteration is by pages in the order of object numbers, so millions of objects
// take constant memory.
package journal
