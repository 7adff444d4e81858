package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
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

// PublicKey seals values.
type PublicKey struct {
	key hpke.PublicKey
	id  string
}

// PrivateKey opens what was sealed with its PublicKey.
type PrivateKey struct {
	key    *ecdh.PrivateKey
	public *PublicKey
}

// publicPrefix begins the line that a public key is written as: nobody takes it for a key of another kind.
const publicPrefix = "docker-worker-seal-v1"

// GenerateKey makes a new pair of keys.
func GenerateKey() (*PrivateKey, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a key: %w", err)
	}
	return newPrivateKey(key)
}

func newPrivateKey(key *ecdh.PrivateKey) (*PrivateKey, error) {
	public, err := newPublicKey(key.PublicKey().Bytes())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key, public}, nil
}

func newPublicKey(raw []byte) (*PublicKey, error) {
	key, err := kem.NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("read the public key: %w", err)
	}
	sum := sha256.Sum256(raw)
	return &PublicKey{key, hex.EncodeToString(sum[:4])}, nil
}

// ID tells one key from another: eight hexadecimal digits.
func (k *PublicKey) ID() string { return k.id }

// String is the key in one line, which ParsePublicKey reads.
func (k *PublicKey) String() string {
	return publicPrefix + " " + base64.StdEncoding.EncodeToString(k.key.Bytes())
}

// Public is the key that seals what k opens.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// String keeps the key out of logs.
func (k *PrivateKey) String() string { return "private key " + k.public.id }

// PEM is the key as a file of PKCS #8, which ParsePrivateKey and openssl read.
func (k *PrivateKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParsePublicKey reads the line that String makes. Errors do not contain the text.
func ParsePublicKey(text []byte) (*PublicKey, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(string(text)), publicPrefix+" ")
	if !ok {
		return nil, fmt.Errorf("it is no public key for sealing: that is one line that begins with %s", publicPrefix)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("the public key is damaged: it is not base64")
	}
	return newPublicKey(raw)
}

// ParsePrivateKey reads what PEM makes, or openssl genpkey -algorithm X25519. Errors do not contain the text.
func ParsePrivateKey(text []byte) (*PrivateKey, error) {
	block, _ := pem.Decode(bytes.TrimSpace(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("it is no private key: that is a PEM file with a block PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key is damaged")
	}
	key, ok := parsed.(*ecdh.PrivateKey)
	if !ok || key.Curve() != ecdh.X25519() {
		return nil, errors.New("it is a private key of another kind: sealed values take one of X25519")
	}
	return newPrivateKey(key)
}
