package mask

import "strings"

// Mark stands where a secret was, whatever its length. Secrets that touch or overlap have one mark together.
const Mark = "[masked]"

const (
	// MinLength is the length in bytes of the shortest secret that is masked, without the white space around it. Shorter
	// ones are found all over a text that has nothing to do with them.
	MinLength = 4
	// MaxTotal is how many bytes of secrets one Masker should be given at most. All forms together cost a quarter of a
	// kilobyte of memory for each byte of a token, one for each of a text of several lines, four for each of a secret of
	// any bytes at all.
	MaxTotal = 16 << 10
)

// A Masker knows a set of secrets. It does not change, and may be used by several goroutines. Nil is a Masker that
// knows none: its Text and JSON return what they get, and nothing else of it may be used.
type Masker struct{ automaton *automaton }

// New makes a Masker of secrets; those that are not Maskable are left out. It is nil when none is left.
func New(secrets []string) *Masker {
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, formsOf(secret)...)
	}
	if len(forms) == 0 {
		return nil
	}
	return &Masker{newAutomaton(forms)}
}

// Maskable tells whether a secret is long enough to be masked.
func Maskable(secret string) bool { return len(strings.TrimSpace(secret)) >= MinLength }

// Text masks a text that is whole.
func (m *Masker) Text(text string) string {
	if m == nil || text == "" {
		return text
	}
	s := m.Stream()
	out := s.Mask(nil, []byte(text))
	return string(s.rest(out))
}

// Stream begins a stream of bytes.
func (m *Masker) Stream() *Stream { return &Stream{automaton: m.automaton} }
