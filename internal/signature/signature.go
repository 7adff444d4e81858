package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Header is the message's header that a signature goes in.
const Header = "docker-worker-signature"

const version = "v1"

// skew is how far a sender's clock may be ahead of ours.
const skew = 5 * time.Minute

// The reasons why a task is not taken for its sender's.
var (
	ErrUnsigned   = errors.New("the task is not signed")
	ErrForm       = errors.New("the signature is not one: that is " + version + " <key id> <time> <base64>")
	ErrUnknownKey = errors.New("the task is signed with a key that is not trusted here")
	ErrAltered    = errors.New("the signature does not match: the task was altered, or signed under another task id")
	ErrTime       = errors.New("the signature is out of its time")
)

// Sign returns the header for a task. at has a resolution of seconds.
func Sign(key ed25519.PrivateKey, taskID string, at time.Time, body []byte) string {
	signedAt := at.UTC().Format(time.RFC3339)
	sum := ed25519.Sign(key, signedText(taskID, signedAt, body))
	return strings.Join([]string{version, KeyID(key.Public().(ed25519.PublicKey)), signedAt, base64.StdEncoding.EncodeToString(sum)}, " ")
}

// Verify says whether a key that is trusted has signed the task, no longer than maxAge before now; 0 is no limit. The
// error wraps one of the reasons above.
func Verify(trusted []ed25519.PublicKey, header, taskID string, now time.Time, maxAge time.Duration, body []byte) error {
	if header == "" {
		return ErrUnsigned
	}
	fields := strings.Split(header, " ")
	if len(fields) != 4 || fields[0] != version {
		return ErrForm
	}
	id, signedAt := fields[1], fields[2]
	at, err := time.Parse(time.RFC3339, signedAt)
	if err != nil {
		return ErrForm
	}
	sum, err := base64.StdEncoding.DecodeString(fields[3])
	if err != nil {
		return ErrForm
	}
	known, good := false, false
	for _, key := range trusted {
		if KeyID(key) == id {
			known = true
			good = good || ed25519.Verify(key, signedText(taskID, signedAt, body), sum)
		}
	}
	switch {
	case !known:
		return fmt.Errorf("%w: %.64q", ErrUnknownKey, id)
	case !good:
		return ErrAltered
	case maxAge > 0 && now.Sub(at) > maxAge:
		return fmt.Errorf("%w: it was signed at %s, and is good for %v", ErrTime, signedAt, maxAge)
	case maxAge > 0 && at.Sub(now) > skew:
		return fmt.Errorf("%w: it was signed at %s, and here it is only %s", ErrTime, signedAt, now.UTC().Format(time.RFC3339))
	}
	return nil
}

// signedText is what a signature is of. Neither a task id nor a time has a newline, so that no two tasks have the same.
func signedText(taskID, signedAt string, body []byte) []byte {
	return append([]byte("docker-worker task "+version+"\n"+taskID+"\n"+signedAt+"\n"), body...)
}
