// Package codec changes a chunk's payload between the reader's store and the
// writers': it compresses segments, and seals them so that the relays on the
// way carry what they cannot read.
//
// A payload is a sequence of segments, each the body of one data frame, and
// each coded as it comes: nothing waits for the whole chunk. With compression
// a segment is a zstd frame of its own. Sealed it is
//
//	1 byte    1 for the chunk's last segment, else 0
//	n bytes   the plain or compressed segment, encrypted with AES-256-GCM;
//	          in the last one the CRC32C of all plain bytes comes behind it
//	16 bytes  the tag
//
// The key is made by HKDF-SHA256 from the run's key and 32 random bytes in the
// header, new for each attempt, so no key ever meets the same nonce twice. The
// nonce is the segment's number and the byte in front: segments that are left
// out, put in another order, or cut off at the end do not open. The header's
// fixed part, which names the chunk, is authenticated with each of them.
package codec
