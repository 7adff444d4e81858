package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Bytes is a size in bytes. In JSON it is a number, or a text with a unit.
type Bytes int64

var bytesPattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([bkmgt]?)(?:i?b)?$`)

var errTooLarge = errors.New("more bytes than there can be")

// ParseBytes reads a size as people write it: "512m", "1.5g", "64MiB", "1048576". A unit is 1024 times the one before,
// as the docker command has it.
func ParseBytes(text string) (Bytes, error) {
	parts := bytesPattern.FindStringSubmatch(strings.ToLower(text))
	if parts == nil {
		return 0, fmt.Errorf("%q is not a size: a number of bytes, or one with k, m, g or t", Bounded(text))
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	if parts[2] != "" {
		n = math.Ldexp(n, 10*strings.Index("bkmgt", parts[2]))
	}
	if err != nil || n >= math.MaxInt64 {
		return 0, fmt.Errorf("%q: %w", Bounded(text), errTooLarge)
	}
	return Bytes(n), nil
}

// UnmarshalJSON reads a number of bytes, or a text with a unit. More than there can be is taken for the most there can.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	var word string
	if json.Unmarshal(text, &word) != nil {
		word = string(text)
	}
	n, err := ParseBytes(word)
	if errors.Is(err, errTooLarge) {
		n, err = math.MaxInt64, nil
	}
	*b = n
	return err
}

// String writes b in the largest unit of which it is a whole number.
func (b Bytes) String() string {
	n, unit := int64(b), 0
	for n != 0 && n%1024 == 0 && unit < 4 {
		n /= 1024
		unit++
	}
	return strconv.FormatInt(n, 10) + [...]string{"", "k", "m", "g", "t"}[unit]
}
