// Package file makes a directory tree a bucket: Config.Bucket is the absolute
// path of the root, keys are slash-separated paths below it.
//
// # What is an object
//
// Regular files are objects; directories, devices, sockets and symbolic links
// are not, and are not listed. A link in the way to a file is followed as long
// as it stays below the root (see os.Root); one that leaves it is KindInvalid.
// So is every key that a filesystem would read as another one or cannot hold:
// an empty, "." or ".." component, one of more than 255 bytes, a NUL, a key
// that is a directory. A directory holds no metadata and computes no digests,
// so objects come without CRC32C and Metadata is dropped.
//
// # How it writes
//
// Bytes go into a temporary file beside their key, are synced, renamed over
// the key, and the directory is synced: at every moment the key holds the
// whole old or the whole new object, also after a power failure. Put's
// temporary is .skyctl-RANDOM.tmp. A staged write's is .skyctl-RANDOM.part,
// sized in advance; its name is the upload's ID, parts are written at their
// offsets, by any number of processes of one host. Names of these two forms
// are never listed and cannot be keys. A process that is killed in the middle
// of a Put leaves its temporary behind.
//
// # Versions
//
// A version is size, modification time and inode. A file that is changed in
// place while it is read is noticed before the last byte is handed out.
package file
