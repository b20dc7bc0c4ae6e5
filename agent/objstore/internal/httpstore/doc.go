// Package httpstore is what the providers of stores behind HTTP have in common:
// the transport and how it ends what stalls, the kinds of network errors and
// statuses, bodies of an exact length, how metadata that HTTP has no header for
// travels as user metadata, and listing in parallel.
//
// It knows no store and no SDK.
package httpstore
