package file

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// A temporary's name says all that must outlive the process that made it, and
// what it becomes at its key:
//
//	.skyctl-KEY-BEGUN-RANDOM.tmp            of Put
//	.skyctl-KEY-BEGUN-RANDOM-META.part      of a staged write; the upload's ID
//
// KEY is a hash of the key's last component, for it lies beside it; BEGUN the
// nanosecond in base 36; META the time of modification in nanoseconds, in base
// 36, and the mode, in octal, each empty if there is none: "T.M".
const (
	tempPrefix = ".skyctl-"
	putSuffix  = ".tmp"  // Put
	partSuffix = ".part" // staged writes

	base = 36
)

// isTemp recognises the names of our temporary files.
func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && (strings.HasSuffix(name, putSuffix) || strings.HasSuffix(name, partSuffix))
}

// tempsOf is how the names of a key's temporaries begin.
func tempsOf(key string) string {
	sum := sha256.Sum256([]byte(path.Base(key)))
	return tempPrefix + hex.EncodeToString(sum[:8]) + "-"
}

func newTemp(key string) string {
	return tempsOf(key) + strconv.FormatInt(time.Now().UnixNano(), base) + "-" + rand.Text()
}

func putTemp(key string) string { return newTemp(key) + putSuffix }

func partTemp(key string, meta objstore.Metadata) string {
	modified, mode := "", ""
	if !meta.Modified.IsZero() {
		modified = strconv.FormatInt(meta.Modified.UnixNano(), base)
	}
	if meta.Mode != 0 {
		mode = strconv.FormatUint(uint64(meta.Mode), 8)
	}
	return fmt.Sprintf("%s-%s.%s%s", newTemp(key), modified, mode, partSuffix)
}

// begunAt is when the temporary of a key was made; false if name is none.
func begunAt(name, key string) (time.Time, bool) {
	rest, ok := strings.CutPrefix(name, tempsOf(key))
	if !ok || !isTemp(name) || strings.Contains(name, "/") {
		return time.Time{}, false
	}
	begun, _, _ := strings.Cut(rest, "-")
	ns, err := strconv.ParseInt(begun, base, 64)
	return time.Unix(0, ns), err == nil
}

// metadataOf reads what partTemp wrote.
func metadataOf(name string) (meta objstore.Metadata, err error) {
	name = strings.TrimSuffix(name, partSuffix)
	modified, mode, _ := strings.Cut(name[strings.LastIndexByte(name, '-')+1:], ".")
	if modified != "" {
		ns, perr := strconv.ParseInt(modified, base, 64)
		meta.Modified, err = time.Unix(0, ns), perr
	}
	if mode != "" {
		bits, perr := strconv.ParseUint(mode, 8, 32)
		meta.Mode, err = uint32(bits)&permissions, errors.Join(err, perr)
	}
	return meta, err
}
