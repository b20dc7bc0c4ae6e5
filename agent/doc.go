// Package agent is the data plane: it moves bytes, and knows no prices, plans
// or Terraform.
//
// # The life of a chunk
//
// An orchestrator calls Configure with the agent's peers, stores, routes and
// credit, and then Assign with chunks to read. The source takes the next chunk,
// finds the route on which it is through first, and takes credit at every
// writer of that route's tree. It opens the object at the listed version,
// opens a stream to each child of the tree, and sends a header, the bytes in
// segments, and an end mark with their CRC32C.
//
// A gateway that gets the stream does the same with its part of the tree: it
// opens its children as soon as it has the header and passes each frame on. At
// a gateway that writes, the sink gathers the part (or streams it, where the
// store takes it so), compares the digest, and hands it to the store. When the
// store has it durably an acknowledgement goes back the way the chunk came.
//
// At the reader the acknowledgement returns the credit and becomes a Result,
// which the orchestrator journals. When it has one for every chunk of an
// object it has a writer commit the object, and check its digest.
//
// # One implementation
//
// cmd/skyagent runs an agent on a gateway; skyctl runs one inside itself where
// nothing needs a gateway. Both are driven through control.API.
package agent
