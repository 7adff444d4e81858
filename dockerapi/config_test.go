package dockerapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHosts(t *testing.T) {
	for host, want := range map[string]string{
		"":                          "unix:///var/run/docker.sock",
		"unix:///run/x.sock":        "unix:///run/x.sock",
		"tcp://127.0.0.1":           "tcp://127.0.0.1:2375",
		"tcp://engine.example:1234": "tcp://engine.example:1234",
		"tcp://[::1]:1234/":         "tcp://[::1]:1234",
	} {
		c, err := New(Config{Host: host})
		if err != nil {
			t.Errorf("%q: %v", host, err)
		} else if c.Host() != want || !strings.Contains(c.String(), want) {
			t.Errorf("%q is %s, want %s", host, c.Host(), want)
		}
	}
	if c, err := New(Config{Host: "tcp://engine.example", TLS: &tls.Config{}}); err != nil || c.Host() != "tcp://engine.example:2376" {
		t.Errorf("the port of TLS: %v, %v", c, err)
	}
	for host, want := range map[string]string{
		"/var/run/docker.sock":          "unix:///",
		"unix://docker.sock":            "absolute",
		"ssh://user:hunter2@host":       "forward the socket",
		"tcp://user:hunter2@host:2375":  "without user",
		"tcp://host/path/hunter2":       "host:port alone",
		"tcp://host:port":               "host:port",
		"tcp://":                        "host:port",
		"npipe:////./pipe/docker":       "npipe:// is not spoken",
		"http://user:hunter2@localhost": "http:// is not spoken",
	} {
		_, err := New(Config{Host: host})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error about %q", host, err, want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the password is in the error: %v", host, err)
		}
	}
}

func TestConfigFromEnv(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	cfg, err := ConfigFromEnv(env("DOCKER_HOST", "unix:///x", "DOCKER_API_VERSION", "1.41", "DOCKER_TLS_VERIFY", "1"))
	if err != nil || cfg.Host != "unix:///x" || cfg.APIVersion != "1.41" || cfg.TLS != nil {
		t.Errorf("a socket: %+v, %v", cfg, err)
	}
	if _, err := ConfigFromEnv(env("DOCKER_HOST", "tcp://x", "DOCKER_TLS_VERIFY", "1", "HOME", t.TempDir())); err == nil {
		t.Error("verification without certificates is no error")
	}
	bad := t.TempDir()
	writeFile(t, bad, "ca.pem", []byte("no certificate"))
	writeFile(t, bad, "cert.pem", []byte("no certificate"))
	if _, err := ConfigFromEnv(env("DOCKER_HOST", "tcp://x", "DOCKER_TLS_VERIFY", "1", "DOCKER_CERT_PATH", bad)); err == nil || !strings.Contains(err.Error(), "no certificate in") {
		t.Errorf("a bad authority: %v", err)
	}
	if _, err := ConfigFromEnv(env("DOCKER_HOST", "tcp://x", "DOCKER_CERT_PATH", bad)); err == nil {
		t.Errorf("a bad client certificate: %v", err)
	}
}

// A client with the certificates of a directory talks to an engine that wants one, and to no other.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	pair := selfSigned(t, dir)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	defer server.Close()

	ping := func(dir, verify string) (Ping, error) {
		env := map[string]string{"DOCKER_HOST": "tcp://" + server.Listener.Addr().String(), "DOCKER_CERT_PATH": dir, "DOCKER_TLS_VERIFY": verify}
		cfg, err := ConfigFromEnv(func(name string) string { return env[name] })
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.SystemPing(t.Context())
	}
	for _, verify := range []string{"1", ""} {
		if p, err := ping(dir, verify); err != nil || p.APIVersion != "1.41" {
			t.Errorf("verify %q: %+v, %v", verify, p, err)
		}
	}
	if _, err := ping(t.TempDir(), ""); err == nil {
		t.Error("a client without a certificate was let in")
	}
	other := t.TempDir()
	selfSigned(t, other)
	if _, err := ping(other, "1"); !IsUnavailable(err) {
		t.Errorf("an engine with a foreign certificate: %v", err)
	}
}

func writeFile(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// selfSigned makes a certificate that is authority, engine and client at once.
func selfSigned(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	writeFile(t, dir, "ca.pem", certPEM)
	writeFile(t, dir, "cert.pem", certPEM)
	writeFile(t, dir, "key.pem", keyPEM)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
