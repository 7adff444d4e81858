package spelling

import (
	"strings"
	"testing"
)

func TestClosest(t *testing.T) {
	known := []string{"capacity", "lease", "amqp", "log-level", "log-format"}
	for word, want := range map[string]string{
		"capcity": "capacity", "CAPACITY": "capacity", "leases": "lease", "ampq": "amqp", "log-lvl": "log-level",
		"log": "log-level", "format": "log-format", "LEVEL_LOG": "log-level", "log-much": "",
		"": "", "-": "", "x": "", "am": "", "something": "", "lo": "", strings.Repeat("lease", 20): "",
	} {
		if got := Closest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := Closest("cot", []string{"cut", "cat"}); got != "cat" {
		t.Errorf("of two that are as close: %q, want the first in order", got)
	}
}
