package mask

import (
	"slices"
	"strings"
)

// naively is what a Stream does, written to be read: mark every byte of every form, then the beginning of one that the
// end has cut off.
func naively(secrets []string, text string) string {
	covered := make([]bool, len(text))
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, formsOf(secret)...)
	}
	longest := 0
	for _, form := range forms {
		for at := range len(text) {
			if strings.HasPrefix(text[at:], form) {
				fill(covered[at : at+len(form)])
			}
		}
		for n := len(form) - 1; n >= MinLength; n-- {
			if strings.HasSuffix(text, form[:n]) {
				longest = max(longest, n)
				break
			}
		}
	}
	fill(covered[len(covered)-longest:])
	var out strings.Builder
	for at := range len(text) {
		switch {
		case !covered[at]:
			out.WriteByte(text[at])
		case at == 0 || !covered[at-1]:
			out.WriteString(Mark)
		}
	}
	return out.String()
}

func fill(covered []bool) { copy(covered, slices.Repeat([]bool{true}, len(covered))) }
