// Package objstore is the contract between the data plane and an object store:
// the Bucket interface, what it must guarantee, and the errors it may answer
// with.
//
// A provider is a package below this one, on its store's official SDK; package
// open turns a Config into a Bucket and is the only importer of providers.
// Every provider passes the conformance suite of package objstoretest, which
// is this contract as tests.
package objstore
