package dockerapi

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// DefaultHost is where a local engine listens.
const DefaultHost = "unix:///var/run/docker.sock"

// Config says which engine to talk to, and how. The zero value is the local engine, with the version negotiated.
type Config struct {
	// Host is unix:///path/to/socket or tcp://host:port (port 2375, or 2376 with TLS, when it is missing).
	// "" is [DefaultHost]. The environment is not read: see [ConfigFromEnv].
	Host string

	// APIVersion pins the version of every request, for example "1.41": nothing is negotiated, and an engine that
	// does not speak it is an error. "" negotiates.
	APIVersion string

	// TLS, where it is set, encrypts a tcp:// host. It is ignored on a unix socket.
	TLS *tls.Config

	// MaxIdleConns is how many connections are kept for the next call; the number of containers that run at the
	// same time is a good value. 0 is 32. Streams do not count: they have connections of their own.
	MaxIdleConns int

	// Transport replaces the whole HTTP transport, for tests. Requests to a unix socket have the URL http://docker/….
	Transport http.RoundTripper

	// Logger hears about the version that was chosen and about engines that changed. nil discards.
	Logger *slog.Logger
}

// ConfigFromEnv reads the variables that the docker command reads, through getenv (os.Getenv, or a map in a test):
//
//   - DOCKER_HOST: the host; "" is the local engine
//   - DOCKER_API_VERSION: pins the version
//   - DOCKER_TLS_VERIFY: not "" checks the certificate of the engine
//   - DOCKER_CERT_PATH: a directory with ca.pem, cert.pem and key.pem; $HOME/.docker when only DOCKER_TLS_VERIFY is set
//
// As with the docker command, DOCKER_CERT_PATH without DOCKER_TLS_VERIFY encrypts without checking whom it talks to.
// Errors are those of reading and parsing the certificates.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	cfg := Config{Host: getenv("DOCKER_HOST"), APIVersion: getenv("DOCKER_API_VERSION")}
	verify := getenv("DOCKER_TLS_VERIFY") != ""
	dir := getenv("DOCKER_CERT_PATH")
	if dir == "" && verify {
		dir = filepath.Join(getenv("HOME"), ".docker")
	}
	if dir == "" || !strings.HasPrefix(cfg.Host, "tcp://") {
		return cfg, nil
	}
	var err error
	cfg.TLS, err = loadTLS(dir, verify)
	return cfg, err
}

// loadTLS reads the certificates of a client, named as the docker command names them. The key pair may be missing:
// an engine can ask for encryption alone.
func loadTLS(dir string, verify bool) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify}
	if verify {
		file := filepath.Join(dir, "ca.pem")
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authority of the engine: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the certificate authority of the engine: no certificate in %s", file)
		}
	}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, certErr := os.Stat(cert)
	_, keyErr := os.Stat(key)
	if os.IsNotExist(certErr) && os.IsNotExist(keyErr) {
		return conf, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read the client certificate for the engine: %w", err)
	}
	conf.Certificates = []tls.Certificate{pair}
	return conf, nil
}
