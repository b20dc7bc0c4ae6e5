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
//	.skyctl-KEY-RUN-BEGUN-RANDOM.tmp            of Put
//	.skyctl-KEY-RUN-BEGUN-RANDOM-META.part      of a staged write; the upload's ID
//
// KEY is a hash of the key's last component, for it lies beside it, and RUN one
// of Config.Run; BEGUN the nanosecond in base 36; META the time of modification
// in nanoseconds, in base 36, and the mode, in octal, each empty if there is
// none: "T.M".
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

// temp is what the name of a temporary says.
type temp struct {
	key, run string // hashes
	begun    time.Time
	meta     string // of a staged write
	staged   bool
}

// parseTemp reads a name; false if no temporary has it.
func parseTemp(name string) (t temp, ok bool) {
	rest, ok := strings.CutPrefix(name, tempPrefix)
	if !ok || strings.Contains(name, "/") {
		return temp{}, false
	}
	rest, t.staged = strings.CutSuffix(rest, partSuffix)
	if !t.staged {
		if rest, ok = strings.CutSuffix(rest, putSuffix); !ok {
			return temp{}, false
		}
	}
	fields := strings.SplitN(rest, "-", 5) // META may have a hyphen, of a time before 1970
	if t.staged && len(fields) != 5 || !t.staged && len(fields) != 4 {
		return temp{}, false
	}
	if t.staged {
		t.meta = fields[4]
	}
	ns, err := strconv.ParseInt(fields[2], base, 64)
	t.key, t.run, t.begun = fields[0], fields[1], time.Unix(0, ns)
	return t, err == nil
}

func keyHash(key string) string {
	sum := sha256.Sum256([]byte(path.Base(key)))
	return hex.EncodeToString(sum[:8])
}

// runHash is that of a run; a bucket without one is a run of its own.
func runHash(run string) string {
	if run == "" {
		run = rand.Text()
	}
	sum := sha256.Sum256([]byte(run))
	return hex.EncodeToString(sum[:5])
}

func newTemp(key, run string) string {
	return tempPrefix + strings.Join([]string{keyHash(key), run, strconv.FormatInt(time.Now().UnixNano(), base), rand.Text()}, "-")
}

func putTemp(key, run string) string { return newTemp(key, run) + putSuffix }

func partTemp(key, run string, meta objstore.Metadata) string {
	modified, mode := "", ""
	if !meta.Modified.IsZero() {
		modified = strconv.FormatInt(meta.Modified.UnixNano(), base)
	}
	if meta.Mode != 0 {
		mode = strconv.FormatUint(uint64(meta.Mode), 8)
	}
	return fmt.Sprintf("%s-%s.%s%s", newTemp(key, run), modified, mode, partSuffix)
}

// metadataOf reads what partTemp wrote.
func metadataOf(name string) (meta objstore.Metadata, err error) {
	t, _ := parseTemp(name)
	modified, mode, _ := strings.Cut(t.meta, ".")
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
