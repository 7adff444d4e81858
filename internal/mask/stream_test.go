package mask

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// masked is what a Stream makes of the pieces.
func masked(m *Masker, pieces ...string) string {
	s := m.Stream()
	var out []byte
	for _, piece := range pieces {
		out = s.Mask(out, []byte(piece))
	}
	return string(s.End(out))
}

func TestStream(t *testing.T) {
	for _, test := range []struct {
		name    string
		secrets []string
		text    string
		want    string
	}{
		{"nothing", []string{"hunter2"}, "nothing to see\n", "nothing to see\n"},
		{"as it is", []string{"hunter2"}, "it is hunter2!", "it is [masked]!"},
		{"by itself", []string{"hunter2"}, "hunter2", "[masked]"},
		{"several", []string{"alpha", "bravo"}, "bravo alpha bravo", "[masked] [masked] [masked]"},
		{"one contains the other", []string{"horse", "correct horse battery"}, "horse; correct horse battery", "[masked]; [masked]"},
		{"only the shorter is there", []string{"horse", "correct horse battery"}, "correct horse stable", "correct [masked] stable"},
		{"one goes on where the other ends", []string{"abcdef", "defghi"}, "<abcdefghi>", "<[masked]>"},
		{"they touch", []string{"alpha", "bravo"}, "alphabravo", "[masked]"},
		{"with itself", []string{"abab"}, "xababab", "x[masked]"},
		{"nearly", []string{"aaab"}, "aaaab aaac", "a[masked] aaac"},
		{"cut off by the end", []string{"hunter2"}, "it is hunte", "it is [masked]"},
		{"no more than a hint", []string{"hunter2"}, "it is hun", "it is hun"},
		{"an end within an end", []string{"abcdX", "bcdeYYY"}, "abcde", "a[masked]"},
		{"lines", []string{"first line\nno\nlast line\n"}, "last line\r\nno\r\n  first line", "[masked]\r\nno\r\n  [masked]"},
		{"white space around", []string{"\thunter2\n"}, "\thunter2\n", "\t[masked]\n"},
		{"not UTF-8", []string{"\xff\xfe\xfd\xfc"}, "\xff\xff\xfe\xfd\xfc\xfb", "\xff[masked]\xfb"},
		{"the mark", []string{"masked"}, "[masked] masked", "[[masked]] [masked]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := New(test.secrets)
			if diff := cmp.Diff(naively(test.secrets, test.text), test.want); diff != "" {
				t.Fatalf("the test is wrong (-naive +want):\n%s", diff)
			}
			for i := range len(test.text) + 1 {
				for j := i; j <= len(test.text); j++ {
					if diff := cmp.Diff(test.want, masked(m, test.text[:i], test.text[i:j], test.text[j:])); diff != "" {
						t.Fatalf("in pieces of %d, %d, %d bytes (-want +got):\n%s", i, j-i, len(test.text)-j, diff)
					}
				}
			}
			if diff := cmp.Diff(test.want, masked(m, strings.Split(test.text, "")...)); diff != "" {
				t.Errorf("byte by byte (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStreamDelaysNothingElse: only what may be the beginning of a secret waits.
func TestStreamDelaysNothingElse(t *testing.T) {
	s := New([]string{"hunter2"}).Stream()
	var out []byte
	for _, step := range []struct{ piece, out string }{
		{"Password: ", "Password: "},
		{"oh, hunt", "oh, "},
		{"er", ""},
		{"s\n", "hunters\n"},
		{"hunter2", Mark},
		{"hunter2h", ""},
		{"!", "h!"},
	} {
		if out = s.Mask(out[:0], []byte(step.piece)); string(out) != step.out {
			t.Errorf("after %q came %q, want %q", step.piece, out, step.out)
		}
	}
}

func TestStreamBeginsAnewAfterEnd(t *testing.T) {
	s := New([]string{"hunter2"}).Stream()
	for range 2 {
		out := s.End(s.Mask(nil, []byte("a hunter2 hun")))
		if string(out) != "a [masked] hun" {
			t.Errorf("got %q", out)
		}
	}
	if out := s.End(s.Mask(nil, []byte("ter2"))); string(out) != "ter2" {
		t.Errorf("the end of one stream and the beginning of another are no secret, got %q", out)
	}
}

func TestStreamAllocatesNothing(t *testing.T) {
	s := New([]string{"correct horse battery staple", "hunter2"}).Stream()
	text := bytes.Repeat([]byte("a line that has hunter2 and the begin of correct horse\n"), 100)
	out := make([]byte, 0, 2*len(text))
	s.Mask(out, text)
	if n := testing.AllocsPerRun(100, func() { s.Mask(out[:0], text) }); n != 0 {
		t.Errorf("%v allocations for each piece", n)
	}
}

// FuzzStream compares with the naive way, for any text in any pieces.
func FuzzStream(f *testing.F) {
	f.Add("hunter2\ncorrect horse", "oh aHVudGVyMg hunter2horse", []byte{3, 1, 0, 7})
	f.Add("abab\nbaba", "abababab", []byte{1})
	f.Add("aaaa\naaaaaaaab", "aaaaaaabaaaaaaaaa", []byte{})
	f.Fuzz(func(t *testing.T, lines, text string, sizes []byte) {
		if len(lines) > 200 || len(text) > 2000 {
			return
		}
		secrets := strings.Split(lines, "\n")
		m := New(secrets)
		if m == nil {
			return
		}
		var pieces []string
		rest := text
		for _, size := range sizes {
			n := min(int(size), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got := masked(m, append(pieces, rest)...)
		if diff := cmp.Diff(naively(secrets, text), got); diff != "" {
			t.Errorf("secrets %q, text %q (-naive +got):\n%s", secrets, text, diff)
		}
	})
}
