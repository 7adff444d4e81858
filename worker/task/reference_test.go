package task

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseReference(t *testing.T) {
	for text, want := range map[string]Reference{
		"busybox":                               {Name: "busybox", Tag: "latest"},
		"busybox:1.36":                          {Name: "busybox", Tag: "1.36"},
		"team/tool":                             {Name: "team/tool", Tag: "latest"},
		"team/sub/tool:a_B-c.D":                 {Name: "team/sub/tool", Tag: "a_B-c.D"},
		"a__b/c--d.e":                           {Name: "a__b/c--d.e", Tag: "latest"},
		"localhost/tool":                        {Name: "localhost/tool", Tag: "latest"},
		"localhost:5000/tool:1":                 {Name: "localhost:5000/tool", Tag: "1"},
		"registry.example/team/tool:3.2":        {Name: "registry.example/team/tool", Tag: "3.2"},
		"REGISTRY/tool":                         {Name: "REGISTRY/tool", Tag: "latest"},
		"[2001:db8::1]:5000/tool":               {Name: "[2001:db8::1]:5000/tool", Tag: "latest"},
		"tool@" + someDigest:                    {Name: "tool", Digest: someDigest},
		"tool:1@" + someDigest:                  {Name: "tool", Tag: "1", Digest: someDigest},
		"registry.example:5000/t@" + someDigest: {Name: "registry.example:5000/t", Digest: someDigest},
		someDigest:                              {Name: "sha256", Tag: strings.TrimPrefix(someDigest, "sha256:")}, // an image's id, as the engine shows it
	} {
		got, err := ParseReference(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if again, err := ParseReference(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s, which is %v, %v", text, got, again, err)
		}
	}
}

func TestParseReferenceSaysWhatIsWrong(t *testing.T) {
	for text, why := range map[string]string{
		"":                                 "no name",
		":1":                               "no name",
		"@" + someDigest:                   "no name",
		"registry.example/":                "no name",
		"Tool":                             "lower case",
		"registry.example/Tool":            "lower case",
		"tool:":                            "a tag has",
		"tool:-1":                          "a tag has",
		"tool:a b":                         "a tag has",
		"tool:" + strings.Repeat("a", 129): "a tag has",
		"tool@sha256":                      "not a digest",
		"tool@sha256:12":                   "not a digest",
		"tool@" + someDigest + "@":         "not a digest",
		"a//b":                             "a name has",
		"/a":                               "a name has",
		"a/":                               "a name has",
		"a b":                              "a name has",
		"-a":                               "a name has",
		"a..b":                             "a name has",
		"a___b":                            "a name has",
		"tööl":                             "a name has",
		"registry..example/tool":           "the registry is not",
		"registry:port/tool":               "the registry is not",
		"https://registry/tool":            "the registry is not",
		"user:pass@registry/tool":          "not a digest",
		strings.Repeat("a", 256):           "longer than 255",
		"tool\n":                           "a name has",
		"tool:1\n":                         "a tag has",
	} {
		got, err := ParseReference(text)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, %v; want an error with %q", text, got, err, why)
		}
	}
}

// FuzzParseReference: what is taken can be written and read again, and the client that asks the engine takes it too.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"busybox", "registry.example:5000/team/tool:1.2@" + someDigest, "[::1]:5000/a", "a//b", "Ab/c:d", "localhost/a__b", "a:b/c:d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := ParseReference(text)
		if err != nil {
			if ref != (Reference{}) || len(err.Error()) > 200 {
				t.Errorf("%q: %v with %v", text, ref, err)
			}
			return
		}
		if ref.Tag == "" && ref.Digest == "" {
			t.Errorf("%q has neither tag nor digest", text)
		}
		if again, err := ParseReference(ref.String()); err != nil || again != ref {
			t.Errorf("%q is written %q, which is %v, %v", text, ref, again, err)
		}
		if _, err := dockerapi.ParseReference(ref.String()); err != nil {
			t.Errorf("%q is none for the client: %v", ref, err)
		}
	})
}
