package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// publicPrefix begins the line that a public key is written as: nobody takes it for a key of another kind.
const publicPrefix = "docker-worker-sign-v1"

// GenerateKey makes a new pair of keys.
func GenerateKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a key: %w", err)
	}
	return key, nil
}

// KeyID tells one key from another: eight hexadecimal digits.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:4])
}

// PublicLine is a public key in one line, which ParsePublicKey reads.
func PublicLine(key ed25519.PublicKey) string {
	return publicPrefix + " " + base64.StdEncoding.EncodeToString(key)
}

// PEM is a private key as a file of PKCS #8, which ParsePrivateKey and openssl read.
func PEM(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParsePublicKey reads the line that PublicLine makes, or a PEM file as openssl pkey -pubout makes it.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	text = bytes.TrimSpace(text)
	if block, _ := pem.Decode(text); block != nil {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if key, ok := parsed.(ed25519.PublicKey); ok && err == nil && block.Type == "PUBLIC KEY" {
			return key, nil
		}
		return nil, errors.New("it is no public key of Ed25519")
	}
	encoded, ok := strings.CutPrefix(string(text), publicPrefix+" ")
	if !ok {
		return nil, fmt.Errorf("it is no public key for signatures: that is one line that begins with %s, or PEM", publicPrefix)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, errors.New("the public key is damaged")
	}
	return ed25519.PublicKey(raw), nil
}

// ParsePrivateKey reads what PEM makes, or openssl genpkey -algorithm ed25519. Errors do not contain the text.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(bytes.TrimSpace(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("it is no private key: that is a PEM file with a block PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key is damaged")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("it is a private key of another kind: signatures take one of Ed25519")
	}
	return key, nil
}
