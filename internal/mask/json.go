package mask

import (
	"bytes"
	"encoding/json"
	"slices"
)

// JSON masks the strings in a JSON text, and leaves names, numbers and the text's shape as they are. Strings under one
// of the names in kept stay too: what machines read, and what was made by one.
func (m *Masker) JSON(text []byte, kept ...string) []byte {
	if m == nil {
		return text
	}
	var out []byte
	var name string
	done := 0 // bytes of text that are in out
	for at := 0; at < len(text); at++ {
		if text[at] != '"' {
			continue
		}
		from := at
		for at++; at < len(text) && text[at] != '"'; at++ {
			if text[at] == '\\' {
				at++
			}
		}
		var value string
		if at >= len(text) || json.Unmarshal(text[from:at+1], &value) != nil {
			break // not JSON
		}
		if rest := bytes.TrimLeft(text[at+1:], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
			name = value
			continue
		}
		masked := m.Text(value)
		if masked == value || slices.Contains(kept, name) {
			continue
		}
		quoted, _ := json.Marshal(masked) // a string can always be encoded
		out = append(append(out, text[done:from]...), quoted...)
		done = at + 1
	}
	return append(out, text[done:]...)
}
