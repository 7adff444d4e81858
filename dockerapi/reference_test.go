package dockerapi

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for in, want := range map[string]Reference{
		"busybox":                        {Domain: "docker.io", Path: "library/busybox"},
		"busybox:1.36":                   {Domain: "docker.io", Path: "library/busybox", Tag: "1.36"},
		"team/builder":                   {Domain: "docker.io", Path: "team/builder"},
		"index.docker.io/busybox":        {Domain: "docker.io", Path: "library/busybox"},
		"localhost/x":                    {Domain: "localhost", Path: "x"},
		"localhost:5000/a/b:c":           {Domain: "localhost:5000", Path: "a/b", Tag: "c"},
		"registry.example/a@" + digest:   {Domain: "registry.example", Path: "a", Digest: digest},
		"registry.example/a:1@" + digest: {Domain: "registry.example", Path: "a", Tag: "1", Digest: digest},
		"[::1]:5000/a":                   {Domain: "[::1]:5000", Path: "a"},
		"HOST/a":                         {Domain: "HOST", Path: "a"},
	} {
		got, err := ParseReference(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Reference{})); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
		if again, err := ParseReference(got.String()); err != nil || again.String() != got.String() {
			t.Errorf("%s as %s is %s, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"", ":x", "a:", "a b", "a@", "a@sha256", "a@sha256:", "a@b:c/d", "../x", "a//b", "Busybox", "a/B", "a?x=y", "ä"} {
		if ref, err := ParseReference(in); err == nil {
			t.Errorf("%q is %+v", in, ref)
		}
	}
}

// Whatever a reference is, what is pulled is one image, never all tags of a name.
func FuzzParseReference(f *testing.F) {
	f.Add("busybox")
	f.Add("localhost:5000/a/b:c@sha256:00")
	f.Fuzz(func(t *testing.T, in string) {
		ref, err := ParseReference(in)
		if err != nil {
			return
		}
		if ref.version() == "" || ref.name == "" || ref.Domain == "" || ref.Path == "" {
			t.Errorf("%q is %+v", in, ref)
		}
		if !strings.HasPrefix(in, ref.name) {
			t.Errorf("%q has the name %q", in, ref.name)
		}
		if again, err := ParseReference(ref.String()); err != nil || again.String() != ref.String() {
			t.Errorf("%q as %q is %q, %v", in, ref, again, err)
		}
	})
}

func TestRegistryAuthHeader(t *testing.T) {
	auth := RegistryAuth{Username: "u", Password: "~~~???>>>", ServerAddress: "s"}
	header := auth.header()
	decoded, err := base64.URLEncoding.DecodeString(header)
	if err != nil || strings.ContainsAny(header, "+/") || len(header)%4 != 0 {
		t.Fatalf("%s: %v", header, err)
	}
	var got map[string]string
	if err := json.Unmarshal(decoded, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"username": "u", "password": "~~~???>>>", "serveraddress": "s"}, got); diff != "" {
		t.Error(diff)
	}
}
