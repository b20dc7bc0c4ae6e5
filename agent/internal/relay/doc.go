// Package relay carries one chunk through one gateway: from whoever has it, a
// peer's stream or the reader's store, to every child of the gateway in the
// chunk's route and to the destinations that the gateway writes itself, and
// the acknowledgements back.
//
// A relay is cut-through. It opens its children as soon as it has the header
// and passes each frame on before it reads the next, in one buffer; a slow
// child slows the stream through flow control and nothing else. A branch that
// fails answers for the destinations behind it and leaves the others alone.
// When the stream has ended, nothing of the chunk is left here.
package relay
