package mask

import (
	"encoding/base64"
	"strings"
)

// base64Forms is what a secret looks like in base64: by itself, and at any place of something longer that was encoded as
// a whole. Which of four characters a byte goes to depends on its place modulo three; the characters at both ends that
// have bits of the neighbours are left out.
func base64Forms(secret string) []string {
	var forms []string
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), secret...))
			from := (8*before + 5) / 6
			certain := text[from : 8*(before+len(secret))/6]
			// Where the secret comes last there are no bits of a neighbour, and padding for some.
			forms = append(forms, certain, strings.TrimRight(text[from:], "="), text[from:])
		}
	}
	text := base64.StdEncoding.EncodeToString([]byte(secret))
	for _, form := range []string{text[:8*len(secret)/6], strings.TrimRight(text, "="), text} {
		for _, width := range []int{64, 76} { // PEM and MIME; openssl and base64
			forms = append(forms, folded(form, width, "\n"), folded(form, width, "\r\n"))
		}
	}
	return forms
}

// folded breaks text into lines.
func folded(text string, width int, newline string) string {
	var out strings.Builder
	for len(text) > width {
		out.WriteString(text[:width])
		out.WriteString(newline)
		text = text[width:]
	}
	out.WriteString(text)
	return out.String()
}
