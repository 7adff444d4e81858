package mask

import (
	"testing"
)

func TestText(t *testing.T) {
	m := New([]string{"hunter2"})
	for text, want := range map[string]string{
		"":                           "",
		"create: TOKEN=hunter2: bad": "create: TOKEN=[masked]: bad",
		"it is hunte":                "it is hunte", // whole: nothing was cut off
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestNilKnowsNoSecrets(t *testing.T) {
	m := New(nil)
	if m != nil {
		t.Fatal("there is nothing to mask")
	}
	if got := m.Text("as it is"); got != "as it is" {
		t.Errorf("text became %q", got)
	}
	if got := m.JSON([]byte(`{"a":"b"}`)); string(got) != `{"a":"b"}` {
		t.Errorf("JSON became %s", got)
	}
}

func TestJSON(t *testing.T) {
	m := New([]string{"hunter2", `quo"ted`})
	for text, want := range map[string]string{
		`{}`:                            `{}`,
		`{"message": "it is hunter2!"}`: `{"message": "it is [masked]!"}`,
		`{"hunter2": "x"}`:              `{"hunter2": "x"}`,
		`["a", "hunter2", 1.50, null, {"b": ["\u0068unter2"]}]`: `["a", "[masked]", 1.50, null, {"b": ["[masked]"]}]`,
		`{"m":"say quo\"ted \\"}`:                               `{"m":"say [masked] \\"}`,
		`{"reason":"hunter2","message":"hunter2"}`:              `{"reason":"hunter2","message":"[masked]"}`,
	} {
		if got := m.JSON([]byte(text), "reason"); string(got) != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

func BenchmarkStream(b *testing.B) {
	line := []byte("2026-01-02T15:04:05Z INFO compiling package github.com/example/project/internal/server (cached) 0.123s\n")
	var text []byte
	for len(text) < 32<<10 {
		text = append(text, line...)
	}
	for name, secrets := range map[string][]string{
		"one token":  {"ghp_16C7e42F292c6912E7710c838347Ae178B4a"},
		"ten tokens": {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "postgres://user:pass@host/db", "correct horse battery", "Zm9vYmFy", "s3cr3t-value", "x-oauth-0123456789", "glpat-abcdefghij", "9f86d081884c7d65", "hunter2hunter2"},
	} {
		b.Run(name, func(b *testing.B) {
			s := New(secrets).Stream()
			out := make([]byte, 0, 2*len(text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				out = s.Mask(out[:0], text)
			}
		})
	}
}
