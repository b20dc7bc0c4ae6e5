package unit

import (
	"fmt"
	"math/big"
	"strings"
)

// maxNumber bounds the text of a number, so that hostile input costs nothing.
const maxNumber = 40

// factor is one unit and what it stands for in the base unit.
type factor struct {
	unit string
	of   int64
}

// names lists the units for a message.
func names(units []factor) string {
	list := make([]string, len(units))
	for i, u := range units {
		list[i] = u.unit
	}
	return strings.Join(list, ", ")
}

// parse reads NUMBER UNIT as an exact amount of the base unit. what names the
// quantity in errors.
func parse(what, s string, units []factor, example string) (*big.Rat, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	name := s[len(digits):]
	number, err := decimal(strings.TrimSuffix(digits, " "))
	if err != nil {
		return nil, fmt.Errorf("%s %q %w, write for example %s", what, s, err, example)
	}
	if name == "" {
		return nil, fmt.Errorf("%s %q has no unit, write for example %s", what, s, example)
	}
	for _, u := range units {
		if u.unit == name {
			return number.Mul(number, new(big.Rat).SetInt64(u.of)), nil
		}
	}
	return nil, fmt.Errorf("%s %q has an unknown unit %q, use one of %s", what, s, name, names(units))
}

// decimal reads digits with at most one decimal point, exactly.
func decimal(s string) (*big.Rat, error) {
	whole, fraction, pointed := strings.Cut(s, ".")
	switch {
	case strings.HasPrefix(s, "-"):
		return nil, errNegative
	case whole == "" || strings.Trim(whole, "0123456789") != "",
		pointed && (fraction == "" || strings.Trim(fraction, "0123456789") != ""):
		return nil, errNotNumber
	case len(s) > maxNumber:
		return nil, errTooLarge
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, errNotNumber
	}
	return n, nil
}

// scalarError completes a sentence that begins with the quantity.
type scalarError string

func (e scalarError) Error() string { return string(e) }

const (
	errNegative  scalarError = "is negative"
	errNotNumber scalarError = "is not a decimal number with a unit"
	errTooLarge  scalarError = "is too large"
)
