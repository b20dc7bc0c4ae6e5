// Package unit holds the scalars that skyctl computes with and the text forms
// in which a user writes them: sizes, rates and money.
//
// A size or a rate is a plain decimal number followed by its unit, "1.5GB" or
// "100Mbps"; money is a plain decimal number of US dollars. Units are spelled
// exactly as listed: case matters, because a lower-case b is a bit and an upper
// case B a byte. There are no signs and no exponents. Numbers are read exactly,
// as fractions and not as floating point, so "0.1TB" is 100,000,000,000 bytes.
//
// In JSON all of them are plain numbers: the key says the unit.
package unit
