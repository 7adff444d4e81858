package signature

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	signedAt = time.Date(2026, 1, 2, 15, 4, 5, 999, time.FixedZone("", 3600))
	body     = []byte(`{"image": "debian"}`)
)

func newKey(t *testing.T) (ed25519.PrivateKey, ed25519.PublicKey) {
	t.Helper()
	key, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, key.Public().(ed25519.PublicKey)
}

func TestVerify(t *testing.T) {
	key, public := newKey(t)
	_, other := newKey(t)
	header := Sign(key, "task-1", signedAt, body)
	both := []ed25519.PublicKey{other, public}
	const week = 7 * 24 * time.Hour
	edit := func(old, new string) string { return strings.Replace(header, old, new, 1) }
	for _, test := range []struct {
		name    string
		trusted []ed25519.PublicKey
		header  string
		taskID  string
		after   time.Duration
		maxAge  time.Duration
		body    string
		want    error
	}{
		{"good", both, header, "task-1", time.Hour, week, string(body), nil},
		{"old, and that does not matter", both, header, "task-1", 100 * week, 0, string(body), nil},
		{"nearly too old", both, header, "task-1", week - time.Second, week, string(body), nil},
		{"a clock that is a little ahead", both, header, "task-1", -time.Minute, week, string(body), nil},
		{"none", both, "", "task-1", 0, week, string(body), ErrUnsigned},
		{"too old", both, header, "task-1", week + time.Second, week, string(body), ErrTime},
		{"from the future", both, header, "task-1", -time.Hour, week, string(body), ErrTime},
		{"another body", both, header, "task-1", 0, week, `{"image":"debian"}`, ErrAltered},
		{"no body", both, header, "task-1", 0, week, "", ErrAltered},
		{"another task", both, header, "task-2", 0, week, string(body), ErrAltered},
		{"another time", both, edit("2026", "2027"), "task-1", 0, 0, string(body), ErrAltered},
		{"the same time in other words", both, edit("14:04:05Z", "15:04:05+01:00"), "task-1", 0, week, string(body), ErrAltered},
		{"a foreign key", []ed25519.PublicKey{other}, header, "task-1", 0, week, string(body), ErrUnknownKey},
		{"no keys", nil, header, "task-1", 0, week, string(body), ErrUnknownKey},
		{"another's key id", both, edit(KeyID(public), KeyID(other)), "task-1", 0, week, string(body), ErrAltered},
		{"another version", both, edit("v1", "v2"), "task-1", 0, week, string(body), ErrForm},
		{"a field too many", both, header + " ", "task-1", 0, week, string(body), ErrForm},
		{"no time", both, edit("2026", "soon"), "task-1", 0, week, string(body), ErrForm},
		{"not base64", both, header + "!", "task-1", 0, week, string(body), ErrForm},
		{"half a signature", both, header[:len(header)-44], "task-1", 0, week, string(body), ErrAltered},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Verify(test.trusted, test.header, test.taskID, signedAt.Add(test.after), test.maxAge, []byte(test.body))
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestTheFormatStays verifies what openssl signed, by what doc.go says.
func TestTheFormatStays(t *testing.T) {
	public, err := ParsePublicKey([]byte("docker-worker-sign-v1 " + oldPublic))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	if err := Verify([]ed25519.PublicKey{public}, oldHeader, "task-1", at, time.Hour, body); err != nil {
		t.Error(err)
	}
}

func TestKeysAsText(t *testing.T) {
	key, public := newKey(t)
	text, err := PEM(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParsePrivateKey(text); err != nil || !got.Equal(key) {
		t.Errorf("the private key came back as another: %v", err)
	}
	if got, err := ParsePublicKey([]byte(PublicLine(public) + "\n")); err != nil || !got.Equal(public) {
		t.Errorf("the public key came back as another: %v", err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if got, err := ParsePublicKey(publicPEM); err != nil || !got.Equal(public) {
		t.Errorf("the public key in PEM came back as another: %v", err)
	}
	for _, text := range []string{"", "secret", string(publicPEM), "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"} {
		if _, err := ParsePrivateKey([]byte(text)); err == nil || strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("%q as a private key: %v", text, err)
		}
	}
	for _, text := range []string{"", string(text), publicPrefix, publicPrefix + " c2VjcmV0", "docker-worker-seal-v1 " + strings.TrimPrefix(PublicLine(public), publicPrefix+" ")} {
		if _, err := ParsePublicKey([]byte(text)); err == nil {
			t.Errorf("%q was taken for a public key", text)
		}
	}
}

func FuzzVerify(f *testing.F) {
	public, err := ParsePublicKey([]byte("docker-worker-sign-v1 " + oldPublic))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(oldHeader, "task-1", body)
	f.Add("v1 00000000 2026-01-02T15:04:05Z AAAA", "", []byte{})
	f.Fuzz(func(t *testing.T, header, taskID string, text []byte) {
		at := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
		err := Verify([]ed25519.PublicKey{public}, header, taskID, at, 0, text)
		if err == nil && (taskID != "task-1" || string(text) != string(body)) {
			t.Errorf("forged: %q for task %q, %q", header, taskID, text)
		}
	})
}
