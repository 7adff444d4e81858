package worker

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-worker/docker-worker/internal/signature"
)

// signer makes a key and what signs with it, at the time of the bubble.
func signer(t *testing.T) (ed25519.PublicKey, func(id string, ago time.Duration) func(*Delivery)) {
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key.Public().(ed25519.PublicKey), func(id string, ago time.Duration) func(*Delivery) {
		return func(d *Delivery) { d.Signature = signature.Sign(key, id, time.Now().Add(-ago), d.Body) }
	}
}

// A worker that trusts keys takes the tasks that one of them has signed, and looks at no others.
func TestLifeOfASignedTask(t *testing.T) {
	trusted, sign := signer(t)
	_, foreign := signer(t)
	trusting := func(c *Config) { c.Keys = Keys{Trusted: []ed25519.PublicKey{trusted}, MaxAge: time.Hour} }
	completed := story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"}
	refused := story{Events: "log exception", Reason: MalformedPayload, Settled: "dead-letter"}
	not := func(message func(*Delivery), why string) scenario {
		// What is wrong with the task itself is not looked at.
		return scenario{task: `{"imag": "tool"}`, config: trusting, message: message, log: []string{why}, noLog: []string{"imag"},
			asked: map[call]int{onImage: 0, onCreate: 0}, want: refused}
	}
	live(t, map[string]scenario{
		"signed":                  {config: trusting, message: sign("t1", 0), want: completed},
		"signed, nobody asks":     {message: foreign("t2", 100*time.Hour), want: completed},
		"not signed":              not(nil, "the task is not signed"),
		"signed with another key": not(foreign("t1", 0), "signed with a key that is not trusted here"),
		"under another id":        not(sign("t2", 0), "the signature does not match"),
		"too old":                 not(sign("t1", 61*time.Minute), "the signature is out of its time"),
		"altered": not(func(d *Delivery) {
			sign("t1", 0)(d)
			d.Body = []byte(`{"imag": "tool2"}`)
		}, "the signature does not match"),
	})
}

// An attempt that began in time goes on, however long the worker was away.
func TestASignatureIsInTimeWhenAnAttemptBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trusted, sign := signer(t)
		r := newRig(t)
		r.cfg.Keys = Keys{Trusted: []ed25519.PublicKey{trusted}, MaxAge: time.Hour}
		r.engine.program = says("hello\n", 0)
		e := r.leave(TaskClaimed)
		sign("t1", 0)(e.delivery)
		r.await(2 * time.Hour)
		r.start()
		r.end()
		if got, log := r.told("t1", e.claim); got.Reason != Completed || !strings.Contains(log, "hello") {
			t.Errorf("%+v, %s", got, log)
		}
	})
}
