package worker

import (
	"strings"
	"testing"
)

func TestNewIDIsAUUID(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id := NewID()
		if len(id) != 36 || id[14] != '4' || !strings.ContainsRune("89ab", rune(id[19])) || !taskIDPattern.MatchString(id) || seen[id] {
			t.Errorf("id %s", id)
		}
		seen[id] = true
	}
}
