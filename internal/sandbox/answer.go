package sandbox

import (
	"fmt"
	"strings"
)

// Ready is the first line that a sandbox says, once its network can be used.
const Ready = "ready"

// Check is a question: has anything been left behind by those who were in the network? The answer is an [Answer]. Ask
// when nobody is in it.
const Check = "check"

// Answer is what a sandbox says of its network.
type Answer struct {
	Dirty   string // what was left behind; "" is nothing
	In, Out uint64 // bytes that the network has carried since its beginning
}

// String is the answer as a line.
func (a Answer) String() string {
	if a.Dirty != "" {
		return "dirty: " + strings.ReplaceAll(a.Dirty, "\n", " ")
	}
	return fmt.Sprintf("clean %d %d", a.In, a.Out)
}

// ParseAnswer reads a line, without its end.
func ParseAnswer(line string) (Answer, error) {
	if why, ok := strings.CutPrefix(line, "dirty: "); ok {
		return Answer{Dirty: why}, nil
	}
	var a Answer
	if _, err := fmt.Sscanf(line, "clean %d %d", &a.In, &a.Out); err != nil || a.String() != line {
		return Answer{}, fmt.Errorf("the sandbox says %q, which is no answer", line)
	}
	return a, nil
}
