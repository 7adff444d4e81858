package mask

import (
	"encoding/hex"
	"slices"
	"strings"
)

// formsOf lists what a secret looks like in a text, none shorter than MinLength; nothing for one that is not Maskable.
// White space around a secret is not part of it: it comes from the newline at the end of a file, and goes the same way.
func formsOf(secret string) []string {
	if !Maskable(secret) {
		return nil
	}
	secret = strings.TrimSpace(secret)
	forms := []string{secret, strings.ReplaceAll(secret, "\n", "\r\n")} // the latter from a terminal
	for line := range strings.Lines(secret) {
		forms = append(forms, strings.TrimSpace(line))
	}
	forms = append(forms, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))))
	forms = append(forms, base64Forms(secret)...)
	forms = append(forms, urlForms(secret)...)
	forms = append(forms, jsonForms(secret)...)
	forms = append(forms, shellForms(secret)...)
	slices.Sort(forms)
	return slices.DeleteFunc(slices.Compact(forms), func(form string) bool { return len(form) < MinLength })
}

// shellForms is how a shell writes a secret when it shows its commands (set -x), and printf %q.
func shellForms(secret string) []string {
	var bare strings.Builder
	for i := range len(secret) {
		if strings.IndexByte(" \t!\"#$&'()*,;<>?[\\]^`{|}", secret[i]) >= 0 {
			bare.WriteByte('\\')
		}
		bare.WriteByte(secret[i])
	}
	ansi := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(secret) // $'…'
	return []string{
		strings.ReplaceAll(secret, "'", `'\''`),  // bash
		strings.ReplaceAll(secret, "'", `'"'"'`), // dash, busybox
		bare.String(), ansi,
	}
}
