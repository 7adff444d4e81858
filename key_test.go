package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/internal/seal"
)

// program runs the program, and wants an exit code of it.
func program(t *testing.T, want int, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"docker-worker"}, args...), strings.NewReader(stdin), &out, &errs); code != want {
		t.Fatalf("%v ended with %d, want %d: %s", args, code, want, errs.String())
	}
	return out.String(), errs.String()
}

func TestSealWithAGeneratedKey(t *testing.T) {
	dir := t.TempDir()
	public, _ := program(t, exitOK, "", "key", "generate", dir)
	path := filepath.Join(dir, "seal.key")
	if text, err := os.ReadFile(path + ".pub"); err != nil || string(text) != public {
		t.Errorf("the public key: %q, %v; printed was %q", text, err, public)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the private key: %v, %v", info.Mode(), err)
	}
	private, err := readKey("sealed-key", path, seal.ParsePrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{"hunter2": "hunter2", "hunter2\n": "hunter2", "two\nlines\n\n": "two\nlines\n", "": ""} {
		text, _ := program(t, exitOK, given, "seal", "--key", path+".pub", "--task", "t1", "--name", "TOKEN")
		if got, err := seal.Open([]*seal.PrivateKey{private}, "t1", "TOKEN", strings.TrimSuffix(text, "\n")); err != nil || got != want {
			t.Errorf("%q came back as %q, %v", given, got, err)
		}
	}
}

func TestKeysAreNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	program(t, exitOK, "", "key", "generate", "--signing", path)
	before, _ := os.ReadFile(path)
	program(t, exitConfig, "", "key", "generate", "--signing", path)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key is another one now, %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	dir := t.TempDir()
	program(t, exitOK, "", "key", "generate", dir)
	program(t, exitOK, "", "key", "generate", "--signing", dir)
	public, signing := filepath.Join(dir, "seal.key.pub"), filepath.Join(dir, "sign.key.pub")
	for name, test := range map[string]struct {
		key, id, variable, value string
		code                     int
		says                     string
	}{
		"no task":            {public, "", "TOKEN", "hunter2", exitUsage, "--task is missing"},
		"an id that is none": {public, "a b", "TOKEN", "hunter2", exitUsage, "can be the id of a task"},
		"the worker's own":   {public, "t1", "TASK_ID", "hunter2", exitUsage, "no task can set such a variable"},
		"another kind":       {signing, "t1", "TOKEN", "hunter2", exitConfig, "it is no public key for sealing"},
		"the private key":    {filepath.Join(dir, "seal.key"), "t1", "TOKEN", "hunter2", exitConfig, "it is no public key for sealing"},
		"no file":            {filepath.Join(dir, "none"), "t1", "TOKEN", "hunter2", exitConfig, "no such file"},
		"a zero byte":        {public, "t1", "TOKEN", "hunter2\x00", exitConfig, "zero byte"},
		"too long":           {public, "t1", "TOKEN", strings.Repeat("hunter2", 10_000), exitConfig, "16384 bytes"},
	} {
		out, said := program(t, test.code, test.value, "seal", "--key", test.key, "--task", test.id, "--name", test.variable)
		if !strings.Contains(said, test.says) || strings.Contains(out+said, "hunter2") {
			t.Errorf("%s: %q, %q", name, out, said)
		}
	}
}

func TestCredentialsOfSystemd(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	t.Chdir(here)
	t.Setenv("CREDENTIALS_DIRECTORY", there)
	for _, path := range []string{filepath.Join(here, "a"), filepath.Join(there, "a"), filepath.Join(here, "b")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"a": filepath.Join(there, "a"), "b": "b", filepath.Join(here, "a"): filepath.Join(here, "a"), "none": "none"} {
		if got := credential(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
