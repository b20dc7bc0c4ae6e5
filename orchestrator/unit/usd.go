package unit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// USD is an amount of US dollars.
type USD float64

// maxUSD is beyond any bill, and keeps cents exact.
const maxUSD = 1e12

// ParseUSD reads a plain number of dollars, such as "12.50".
func ParseUSD(s string) (USD, error) {
	n, err := decimal(s)
	if errors.Is(err, errNotNumber) {
		return 0, fmt.Errorf("amount %q is not a plain number of US dollars, write for example 12.50", s)
	}
	if err != nil {
		return 0, fmt.Errorf("amount %q %w", s, err)
	}
	usd, _ := n.Float64()
	if usd > maxUSD {
		return 0, fmt.Errorf("amount %q %w", s, errTooLarge)
	}
	return USD(usd), nil
}

// String returns the amount for people: cents, and four decimals below a
// dollar, where cents would say nothing.
func (u USD) String() string {
	if u != 0 && u < 1 {
		return "$" + strconv.FormatFloat(float64(u), 'f', 4, 64)
	}
	return "$" + strconv.FormatFloat(float64(u), 'f', 2, 64)
}

// UnmarshalText reads what ParseUSD reads.
func (u *USD) UnmarshalText(text []byte) (err error) {
	*u, err = ParseUSD(string(text))
	return err
}

// UnmarshalJSON reads a plain number of dollars.
func (u *USD) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, (*float64)(u)) }
