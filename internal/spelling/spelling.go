// Package spelling guesses what a misspelt name was meant to be.
package spelling

import (
	"slices"
	"strings"
)

// reach is how many letters a guess may differ by.
const reach = 2

// Closest is the known name that a misspelt one is closest to, or the shortest of those that have all its words and more;
// "" where none is close enough. Case does not matter.
func Closest(word string, known []string) string {
	best, distance := "", reach+1
	for _, name := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(name)); d < distance || d == distance && best != "" && name < best {
			best, distance = name, d
		}
	}
	if best != "" && distance < len(word) {
		return best
	}
	return longer(word, known)
}

// longer is the shortest name with all the words of another one.
func longer(word string, known []string) string {
	best := ""
	for _, name := range known {
		if hasWords(name, word) && (best == "" || len(name) < len(best) || len(name) == len(best) && name < best) {
			best = name
		}
	}
	return best
}

func hasWords(name, word string) bool {
	all, some := words(name), words(word)
	return len(some) > 0 && !slices.ContainsFunc(some, func(w string) bool { return !slices.Contains(all, w) })
}

func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' })
}

// editDistance counts the insertions, deletions and replacements between two short texts (Levenshtein).
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
