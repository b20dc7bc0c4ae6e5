package rundir

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ID names a run: "261122-g3kd4f9q".
//
// Cloud resources are named skyctl-ID-SUFFIX within 30 bytes of lower case,
// digits and dashes, so an ID is 15 bytes and leaves 7 to the suffix. The
// first half is the UTC date, for people; then come four digits of base 36 for
// the time of day in steps of 52 ms, so that IDs sort by time, and four random
// ones, so that two workstations do not pick the same.
type ID string

const (
	idDate    = "060102"
	idDigits  = 4 // of base 36, for the time of day and for chance
	idValues  = 36 * 36 * 36 * 36
	idPattern = `^[0-9]{6}-[0-9a-z]{8}$`
)

var idSyntax = regexp.MustCompile(idPattern)

// NewID makes an ID for a run that starts now.
func NewID(now time.Time) (ID, error) {
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour)
	step := min(int64(now.Sub(midnight)/(24*time.Hour/idValues)), idValues-1)
	chance, err := rand.Int(rand.Reader, big.NewInt(idValues))
	if err != nil {
		return "", fmt.Errorf("name the run: %w", err)
	}
	return ID(now.Format(idDate) + "-" + digits(step) + digits(chance.Int64())), nil
}

// ParseID checks that s is the name of a run, so that it is safe as the name
// of a directory.
func ParseID(s string) (ID, error) {
	if !idSyntax.MatchString(s) {
		return "", fmt.Errorf("%q is not the name of a run such as 261122-g3kd4f9q; skyctl runs lists them", s)
	}
	return ID(s), nil
}

func digits(n int64) string {
	s := strconv.FormatInt(n, 36)
	return strings.Repeat("0", idDigits-len(s)) + s
}
