// Package file makes a directory tree a bucket: Config.Bucket is the absolute
// path of the root, keys are slash-separated paths below it.
//
// # What is an object
//
// Regular files are objects; directories are not. Named pipes, sockets and
// devices cannot be, and Omitted names those that a listing met.
//
// What a symbolic link is, Config.Symlinks says: nothing (skip), what it leads
// to (follow), or an object without bytes (copy). One that is followed must
// stay below the root (see os.Root) and lead to something, and not to a
// directory that it is in itself: otherwise it is listed all the same, and Stat
// and Open say what is wrong with it, so that nobody misses it silently. A link
// in the way to a key is always followed; one that leaves the root is
// KindInvalid. So is every key that a filesystem would read as another one or
// cannot hold: an empty, "." or ".." component, one of more than 255 bytes, a
// NUL, a key that is a directory.
//
// A file holds its time of modification and its mode, of which the permission
// bits are kept; without a mode the umask decides. It holds no other metadata
// and no digest, so objects come without CRC32C.
//
// # How it writes
//
// Bytes go into a temporary file beside their key, are synced, renamed over
// the key, and the directory is synced: at every moment the key holds the
// whole old or the whole new object, also after a power failure. The name of a
// temporary says which key and run it is of, see temp.go. That of a staged write
// is sized in advance and its name is the upload's ID; parts are written at their
// offsets, by any number of processes of one host. Temporaries are never listed
// and cannot be keys. One that a killed process leaves behind, also of a Put, is
// found by Uploads, and by Sweep, which removes all of a run.
//
// # Spelling
//
// Where the filesystem takes two spellings for one name, of which the keys are
// two, the second to come is KindInvalid: see spelling.go. Reads are not held
// against that: there Stat finds what is there by any spelling.
//
// # Versions
//
// A version is size, modification time and inode. A file that is changed in
// place while it is read is noticed before the last byte is handed out.
package file
