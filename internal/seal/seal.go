package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// The parts of HPKE that version v1 is made of.
var (
	kem  = hpke.DHKEM(ecdh.X25519())
	kdf  = hpke.HKDFSHA256()
	aead = hpke.AES256GCM()
)

const version = "v1"

// The reasons why a sealed value cannot be opened.
var (
	// ErrForm: the text is no sealed value.
	ErrForm = errors.New("it is no sealed value: that is " + version + ".<key id>.<base64url>")
	// ErrKey: none of the keys at hand is the one that it was sealed for.
	ErrKey = errors.New("the key is not here")
	// ErrBinding: it is another task's or another variable's, or not what was sealed. Which, nobody can know.
	ErrBinding = errors.New("it was sealed for another task or another variable, or has been altered")
)

// Seal closes a value for one variable of one task.
func Seal(key *PublicKey, taskID, name, value string) (string, error) {
	sealed, err := hpke.Seal(key.key, kdf, aead, binding(taskID, name), []byte(value))
	if err != nil {
		return "", fmt.Errorf("seal the value: %w", err)
	}
	return version + "." + key.id + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open returns the value that was sealed for this variable of this task. The error wraps ErrForm, ErrKey or ErrBinding,
// and contains nothing secret.
func Open(keys []*PrivateKey, taskID, name, text string) (string, error) {
	id, encoded, ok := strings.Cut(strings.TrimPrefix(text, version+"."), ".")
	sealed, err := base64.RawURLEncoding.DecodeString(encoded)
	if !strings.HasPrefix(text, version+".") || !ok || err != nil || !isID(id) {
		return "", ErrForm
	}
	found := false
	var have []string
	for _, key := range keys {
		have = append(have, key.public.id)
		if key.public.id != id {
			continue
		}
		found = true
		private, err := hpke.NewDHKEMPrivateKey(key.key)
		if err != nil {
			return "", fmt.Errorf("use the private key %s: %w", id, err)
		}
		if value, err := hpke.Open(private, kdf, aead, binding(taskID, name), sealed); err == nil {
			return string(value), nil
		}
	}
	switch {
	case found:
		return "", ErrBinding
	case len(keys) == 0:
		return "", fmt.Errorf("%w: it is sealed for key %s, and there is none", ErrKey, id)
	}
	return "", fmt.Errorf("%w: it is sealed for key %s, and there is %s", ErrKey, id, strings.Join(have, ", "))
}

// binding is HPKE's info. A task id has no newline, so that no two bindings are the same text.
func binding(taskID, name string) []byte {
	return []byte("docker-worker sealed value " + version + "\n" + taskID + "\n" + name)
}

func isID(text string) bool {
	return len(text) == 8 && strings.Trim(text, "0123456789abcdef") == ""
}
