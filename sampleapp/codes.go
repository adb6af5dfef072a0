package sampleapp

import (
	"fmt"
	"strings"
)

// maxCodes is how many codes may share the errors.
const maxCodes = 8

// Codes is a set of HTTP errors to draw from, such as Codes{500, 503}. A code that is there twice is drawn
// twice as often. The first zero ends the set. Its text is "500/503", because commas separate knobs in
// FaultsHeader.
type Codes [maxCodes]int

// String implements fmt.Stringer.
func (c Codes) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(c[:c.len()]), " ", "/"), "[]")
}

func (c Codes) len() int {
	n := 0
	for n < len(c) && c[n] != 0 {
		n++
	}
	return n
}

func checkCode(v int) error {
	if v < 400 || v > 599 {
		return fmt.Errorf("%d is not an HTTP error (400 to 599)", v)
	}
	return nil
}

func parseCodes(s string) (Codes, error) {
	var c Codes
	parts := strings.Split(s, "/")
	if len(parts) > len(c) {
		return Codes{}, fmt.Errorf("%q are more than %d codes", s, len(c))
	}
	for i, part := range parts {
		v, err := parseCount(part)
		if err != nil {
			return Codes{}, fmt.Errorf("%q is not a list of codes such as 500/503", s)
		}
		// A zero would end the list here, and the codes after it would never be drawn.
		if err := checkCode(v); err != nil {
			return Codes{}, err
		}
		c[i] = v
	}
	return c, nil
}

func checkCodes(c Codes) error {
	for i, v := range c {
		if v == 0 && i >= c.len() {
			continue
		}
		if i > c.len() {
			return fmt.Errorf("%d comes after the zero that ends the list", v)
		}
		if err := checkCode(v); err != nil {
			return err
		}
	}
	return nil
}
