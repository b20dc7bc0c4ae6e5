// Package control is the API by which an orchestrator drives an agent: the
// messages, an HTTP client and an HTTP handler for them.
//
// API is the whole contract. Package agent implements it; Client implements it
// over HTTP/3 or TLS over TCP to an agent elsewhere; Handler serves any API.
// The engine inside skyctl is an agent called through the same interface
// without HTTP, so there is one implementation of a transfer, not two.
//
// Everything here is safe to repeat: an orchestrator that crashed, or whose
// request got no answer, asks again.
package control
