package task

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse is of tasks of some sizes, sound and not. A payload of 100 kB takes a millisecond or so; the promise is
// less than five.
func BenchmarkParse(b *testing.B) {
	var env, files, wrong []string
	for i := range 400 {
		env = append(env, fmt.Sprintf(`"VARIABLE_%d": %q`, i, strings.Repeat("v", 90)))
		wrong = append(wrong, fmt.Sprintf(`"VARIABLE_%d": {"seeled": %q}`, i, strings.Repeat("v", 90)))
	}
	for i := range 200 {
		files = append(files, fmt.Sprintf(`"/src/file-%d": {"content": %q, "mode": "0644"}`, i, strings.Repeat("c", 220)))
	}
	task := func(env []string) []byte {
		return fmt.Appendf(nil, `{"image": "registry.example/team/tool:1", "command": ["make"], "env": {%s}, "files": {%s}, "resources": {"memory": "1g", "cpus": 2}}`,
			strings.Join(env, ","), strings.Join(files, ","))
	}
	for _, bench := range []struct {
		name string
		body []byte
		fits bool
	}{
		{"small", []byte(`{"image": "tool", "command": ["make", "test"], "env": {"CI": "true"}}`), true},
		{"100 kB", task(env), true},
		{"100 kB with 400 mistakes", task(wrong), false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.body)))
			for b.Loop() {
				if _, err := Parse(bench.body, Policy{}); (err == nil) != bench.fits {
					b.Fatal(err)
				}
			}
		})
	}
}
