package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// encodings are ways in which a secret leaves a program, each within something larger.
var encodings = []struct {
	name string
	of   func(secret, before, after string) string
}{
	{"as it is", func(s, a, b string) string { return a + s + b }},
	{"base64", func(s, a, b string) string { return base64.StdEncoding.EncodeToString([]byte(a + s + b)) }},
	{"base64, no padding", func(s, a, b string) string { return base64.RawStdEncoding.EncodeToString([]byte(a + s + b)) }},
	{"base64 for URLs", func(s, a, b string) string { return base64.URLEncoding.EncodeToString([]byte(a + s + b)) }},
	{"base64 for URLs, no padding", func(s, a, b string) string { return base64.RawURLEncoding.EncodeToString([]byte(a + s + b)) }},
	{"base64 in lines", func(s, a, b string) string {
		return a + folded(base64.StdEncoding.EncodeToString([]byte(s+b)), 76, "\n")
	}},
	{"query", func(s, a, b string) string { return "?q=" + url.QueryEscape(a+s+b) }},
	{"query, small hex digits", func(s, a, b string) string {
		return percentEscape.ReplaceAllStringFunc(url.QueryEscape(a+s+b), strings.ToLower)
	}},
	{"path", func(s, a, b string) string { return "https://host/" + url.PathEscape(a+s+b) }},
	{"user and password", func(s, a, b string) string { return "https://" + url.UserPassword("user", a+s+b).String() + "@host/" }},
	{"JSON", func(s, a, b string) string { text, _ := json.Marshal(a + s + b); return string(text) }},
	{"JSON, HTML left alone", func(s, a, b string) string {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.Encode(a + s + b)
		return out.String()
	}},
	{"hex", func(s, a, b string) string { return hex.EncodeToString([]byte(a + s + b)) }},
	{"HEX", func(s, a, b string) string { return strings.ToUpper(hex.EncodeToString([]byte(a + s + b))) }},
	{"on a terminal", func(s, a, b string) string { return strings.ReplaceAll(a+s+b, "\n", "\r\n") }},
}

var percentEscape = regexp.MustCompile("%[0-9A-F]{2}")

func TestFormsAreFound(t *testing.T) {
	for _, secret := range []string{
		"hunter2-and-more",
		`p@ss/w0rd+"quoted" & 'more' <tag> \back~slash=`,
		"öffnet die Tür 🔑, bitte",
		"-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIHfX\nsEcret+/line==\n-----END KEY-----\n",
		strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 10),
	} {
		m := New([]string{secret})
		for _, encoding := range encodings {
			for _, before := range []string{"", "x", "x:", "x: ", "  x:"} {
				for _, after := range []string{"", "\n", "yz"} {
					text := encoding.of(secret, before, after)
					if got := masked(m, text); leaks(got, secret) {
						t.Errorf("%s of %q with %q before and %q after: %q became %q", encoding.name, secret, before, after, text, got)
					}
				}
			}
		}
	}
}

// leaks tells whether what was masked still has the secret in it, or much of it, whatever way it was written.
func leaks(text, secret string) bool {
	secret = strings.TrimSpace(secret)
	text = strings.ReplaceAll(text, Mark, "")
	for _, form := range formsOf(secret) {
		// Half of a form is enough to complain about.
		if strings.Contains(text, form) || len(form) > 16 && strings.Contains(text, form[len(form)/4:len(form)*3/4]) {
			return true
		}
	}
	return false
}

// TestShellForms asks a real shell how it shows a secret.
func TestShellForms(t *testing.T) {
	for _, secret := range []string{"it's a secret", "two\nlines'", "a\tb\\c d", "plain-secret", `dollar$and"quote`} {
		m := New([]string{secret})
		for _, command := range []string{`bash set -x; : "$S"`, `bash printf %q "$S"`, `sh set -x; : "$S"`} {
			shell, script, _ := strings.Cut(command, " ")
			cmd := exec.Command(shell, "-c", script)
			cmd.Env = []string{"S=" + secret, "LC_ALL=C.UTF-8"}
			text, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatal(err)
			}
			if got := masked(m, string(text)); !strings.Contains(got, Mark) {
				t.Errorf("%s shows %q as %s", command, secret, text)
			}
		}
	}
}

func TestShortSecretsAreLeftAlone(t *testing.T) {
	for _, secret := range []string{"", "abc", " abc \n", "\n\n\n\n\n"} {
		if Maskable(secret) || New([]string{secret}) != nil {
			t.Errorf("%q is masked", secret)
		}
	}
	if !Maskable("abcd") || New([]string{"", "abcd"}) == nil {
		t.Error("four bytes are not masked")
	}
}

// FuzzForms: whatever the secret, its encoding and the pieces, it is not seen.
func FuzzForms(f *testing.F) {
	f.Add("hunter2-hunter2", "the password: ", "\n", uint8(3), uint8(7))
	f.Add(`a"b\c/d&e'f`, "", "", uint8(10), uint8(2))
	f.Add("-----BEGIN-----\nline/+=\n-----END-----", "x", "", uint8(5), uint8(20))
	f.Fuzz(func(t *testing.T, secret, before, after string, how, size uint8) {
		if len(secret) > 300 || !Maskable(secret) || strings.ContainsAny(secret, "[]") || strings.Contains(Mark, strings.TrimSpace(secret)) {
			return
		}
		secret = strings.ToValidUTF8(secret, "")
		encoding := encodings[int(how)%len(encodings)]
		text := encoding.of(secret, before, after)
		var pieces []string
		for rest := text; rest != ""; {
			n := min(int(size)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		m := New([]string{secret})
		if m == nil {
			return
		}
		got := masked(m, pieces...)
		for _, form := range formsOf(secret) {
			for _, part := range strings.Split(got, Mark) {
				if strings.Contains(part, form) {
					t.Errorf("%s of %q: %q is in %q", encoding.name, secret, form, got)
				}
			}
		}
		if !strings.Contains(got, Mark) {
			t.Errorf("%s of %q was not found in %q", encoding.name, secret, text)
		}
	})
}
