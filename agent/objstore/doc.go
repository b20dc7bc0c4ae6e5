// Package objstore is the contract between the data plane and an object store:
// the Bucket interface, what it must guarantee, and the errors it may answer
// with.
//
// A provider is a package below this one, on its store's official SDK; package
// open turns a Config into a Bucket and is the only importer of providers.
// Every provider passes the conformance suite of package objstoretest, which
// is this contract as tests.
//
// # What each store compares
//
//	         a write                        the whole object, after commit   at Stat
//	s3       CRC32C header                  CRC32C, where FULL_OBJECT is     CRC32C, likewise
//	                                        known; else the parts' own
//	gcs      CRC32C of the request          CRC32C                           CRC32C
//	azblob   CRC64 of the request           the CRC64s of its blocks         none
//	file     we do, while it is written     none                             none
//
// Where a store proves nothing (a server that knows no CRC32C, an emulator that
// reports no CRC64, files) the object is read back; a result counts both in
// verified_by.
//
// # What each store keeps of the metadata
//
//	                        s3           gcs          azblob          file
//	headers of HTTP         ASCII        yes          ASCII           no
//	user metadata           yes, 2 KiB   yes          identifiers     no
//	tags                    10           no           10, permitted   no
//	storage class           yes          yes          access tier     no
//	time, mode, link        as user metadata, as rclone does          yes
//
// What Keeps takes out, and what a store refuses of the rest (Object.Lost), is
// listed in the result by destination and field. Tags that the source does not
// show are an error with s3; with azblob they are lost where the store says that
// there are some, and that it may not is a warning of the plan (About.Hidden).
//
// # What a small object costs
//
// Reading: one request with s3, two with gcs and azblob, whose answers to a
// download lack user metadata or the access tier; one more where an object has
// tags. Writing: one request; where it has to be read back, the requests of a
// read more.
package objstore
