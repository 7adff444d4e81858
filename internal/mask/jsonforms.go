package mask

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// jsonForms is a secret within a JSON string. What must be escaped is; beyond that some escape what HTML or JavaScript
// would trip over (Go, .NET), some what is not ASCII (Python), some the slash (PHP).
func jsonForms(secret string) []string {
	var forms []string
	for _, more := range []string{"", "/", "\u2028\u2029", "<>&\u2028\u2029", "<>&'+`\u2028\u2029"} {
		for _, ascii := range []bool{false, true} {
			for _, format := range []string{`\u%04x`, `\u%04X`} {
				forms = append(forms, jsonEscaped(secret, more, ascii, format))
			}
		}
	}
	return slices.Compact(forms)
}

// jsonShort are the escapes that JSON has a letter for.
var jsonShort = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func jsonEscaped(secret, more string, ascii bool, format string) string {
	var out strings.Builder
	for _, r := range secret {
		short := jsonShort.Replace(string(r))
		switch {
		case len(short) > 1 && short[0] == '\\':
			out.WriteString(short)
		case r == '/' && strings.ContainsRune(more, r):
			out.WriteString(`\/`)
		case r > 0xffff && ascii:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, format+format, high, low)
		case r < ' ', r > '~' && ascii, strings.ContainsRune(more, r):
			fmt.Fprintf(&out, format, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
