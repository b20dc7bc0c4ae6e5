package httpstore

import (
	"fmt"
	"net/http"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// clockTolerance is how far a clock may be off before it is worth a word:
// requests and tokens are refused from 5 (Google) or 15 minutes on.
const clockTolerance = 4 * time.Minute

// ExplainClock adds to a refusal that this machine's clock is wrong, where the
// Date of the answer says so. The store's own words are about signatures,
// tokens or a time frame, if it has any.
func ExplainClock(e *objstore.Error, answer http.Header) {
	if e.Kind != objstore.KindPermission && e.Kind != objstore.KindExpired {
		return
	}
	there, err := http.ParseTime(answer.Get("Date"))
	if err != nil {
		return
	}
	off, way := time.Since(there).Round(time.Minute), "ahead of"
	if off < 0 {
		off, way = -off, "behind"
	}
	if off >= clockTolerance {
		e.Err = Brief(fmt.Sprintf("%v; the clock of this machine is %v %s the store's: set it", e.Err, off, way), e.Err)
	}
}
