package seal

import (
	"crypto/ecdh"
	"errors"
	"strings"
	"testing"
)

func newKey(t *testing.T) *PrivateKey {
	t.Helper()
	key, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOpenWhatWasSealed(t *testing.T) {
	key := newKey(t)
	for _, value := range []string{"", "hunter2", "two\nlines\x00\xff", strings.Repeat("long", 10_000)} {
		text, err := Seal(key.Public(), "task-1", "TOKEN", value)
		if err != nil {
			t.Fatal(err)
		}
		if value != "" && strings.Contains(text, value) {
			t.Errorf("%q shows the value", text)
		}
		got, err := Open([]*PrivateKey{newKey(t), key}, "task-1", "TOKEN", text)
		if err != nil || got != value {
			t.Errorf("opened %q, %v; want %q", got, err, value)
		}
	}
}

func TestSealedTwiceIsNotTheSame(t *testing.T) {
	key := newKey(t).Public()
	first, _ := Seal(key, "task-1", "TOKEN", "hunter2")
	second, _ := Seal(key, "task-1", "TOKEN", "hunter2")
	if first == second {
		t.Error("who sees two sealed values must not learn whether they are the same")
	}
}

func TestOpenRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	text, err := Seal(key.Public(), "task-1", "TOKEN", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	changed := text[:40] + "AAAA" + text[44:]
	keys := []*PrivateKey{key}
	for _, test := range []struct {
		name, taskID, variable, text string
		keys                         []*PrivateKey
		want                         error
	}{
		{"another task", "task-2", "TOKEN", text, keys, ErrBinding},
		{"another variable", "task-1", "OTHER", text, keys, ErrBinding},
		{"changed", "task-1", "TOKEN", changed, keys, ErrBinding},
		{"cut short", "task-1", "TOKEN", text[:20], keys, ErrBinding},
		{"nothing in it", "task-1", "TOKEN", "v1." + key.Public().ID() + ".", keys, ErrBinding},
		{"another key", "task-1", "TOKEN", text, []*PrivateKey{other}, ErrKey},
		{"no key", "task-1", "TOKEN", text, nil, ErrKey},
		{"a key id that is not one", "task-1", "TOKEN", "v1.HUNTER2!.AAAA", keys, ErrForm},
		{"another version", "task-1", "TOKEN", "v2" + text[2:], keys, ErrForm},
		{"not base64", "task-1", "TOKEN", text + "=", keys, ErrForm},
		{"plain", "task-1", "TOKEN", "hunter2", keys, ErrForm},
		{"empty", "task-1", "TOKEN", "", keys, ErrForm},
	} {
		t.Run(test.name, func(t *testing.T) {
			value, err := Open(test.keys, test.taskID, test.variable, test.text)
			if !errors.Is(err, test.want) || value != "" {
				t.Fatalf("got %q, %v; want %v", value, err, test.want)
			}
			if test.text != "" && strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows what it is about: %v", err)
			}
		})
	}
}

// TestTheFormatStays opens what an earlier version sealed, with a key as openssl writes it.
func TestTheFormatStays(t *testing.T) {
	key, err := ParsePrivateKey([]byte(oldKey))
	if err != nil {
		t.Fatal(err)
	}
	value, err := Open([]*PrivateKey{key}, "9a6a0ac0-2b0d-4f0e-9d0f-3f0a2f6d8a11", "DEPLOY_TOKEN", oldSealed)
	if err != nil || value != "correct horse battery staple" {
		t.Errorf("opened %q, %v", value, err)
	}
	if key.Public().String() != oldPublic {
		t.Errorf("the public key is %s, want %s", key.Public(), oldPublic)
	}
}

func TestKeysAsText(t *testing.T) {
	key := newKey(t)
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	private, err := ParsePrivateKey(append([]byte("\n"), text...))
	if err != nil || !private.key.Equal(key.key) {
		t.Errorf("the private key came back as another: %v", err)
	}
	public, err := ParsePublicKey([]byte(key.Public().String() + "\n"))
	if err != nil || public.ID() != key.Public().ID() {
		t.Errorf("the public key came back as another: %v", err)
	}
	if strings.Contains(key.String(), string(text[40:60])) {
		t.Error("a private key that is printed must not show itself")
	}
	p256, err := ecdh.P256().GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := (&PrivateKey{key: p256}).PEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "secret", key.Public().String(), string(foreign), string(text[:60]), "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"} {
		if _, err := ParsePrivateKey([]byte(text)); err == nil || strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("%q as a private key: %v", text, err)
		}
	}
	for _, text := range []string{"", string(text), publicPrefix, publicPrefix + " !", publicPrefix + " c2VjcmV0"} {
		if _, err := ParsePublicKey([]byte(text)); err == nil {
			t.Errorf("%q was taken for a public key", text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key, err := ParsePrivateKey([]byte(oldKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(oldSealed, "9a6a0ac0-2b0d-4f0e-9d0f-3f0a2f6d8a11", "DEPLOY_TOKEN")
	f.Add("v1.00000000.AAAA", "", "")
	f.Fuzz(func(t *testing.T, text, taskID, name string) {
		value, err := Open([]*PrivateKey{key}, taskID, name, text)
		if (err == nil) != (value != "") {
			t.Errorf("%q, %v", value, err)
		}
	})
}
