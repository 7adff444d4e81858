package brokertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ClientName is whom the client certificate of a TLS names: the user that EXTERNAL logs in as. The test makes the user.
const ClientName = "certified"

// TLS is an authority of the test's own, with a certificate for the broker and one for a client. All are PEM files.
type TLS struct {
	Host                  string // of the amqps listener
	CA                    string
	ClientCert            string
	ClientKey             string
	serverCert, serverKey string
}

func newTLS(tb testing.TB, dir, port string) *TLS {
	tb.Helper()
	caKey, ca := makeCert(tb, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}, nil, nil)
	t := &TLS{Host: "127.0.0.1:" + port, CA: filepath.Join(dir, "ca.pem")}
	writePEM(tb, t.CA, "CERTIFICATE", ca.Raw)
	leaf := func(name string, template *x509.Certificate) (certFile, keyFile string) {
		key, cert := makeCert(tb, template, ca, caKey)
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			tb.Fatalf("marshal key: %v", err)
		}
		certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		writePEM(tb, certFile, "CERTIFICATE", cert.Raw)
		writePEM(tb, keyFile, "EC PRIVATE KEY", der)
		return certFile, keyFile
	}
	t.serverCert, t.serverKey = leaf("server", &x509.Certificate{
		Subject: pkix.Name{CommonName: "broker"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	t.ClientCert, t.ClientKey = leaf("client", &x509.Certificate{
		Subject:  pkix.Name{CommonName: ClientName},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return t
}

func (t *TLS) conf() string {
	return strings.Join([]string{
		"listeners.ssl.1 = " + t.Host,
		"ssl_options.cacertfile = " + t.CA,
		"ssl_options.certfile = " + t.serverCert,
		"ssl_options.keyfile = " + t.serverKey,
		"ssl_options.verify = verify_peer",
		"ssl_options.fail_if_no_peer_cert = false",
		"ssl_cert_login_from = common_name",
		"auth_mechanisms.1 = PLAIN",
		"auth_mechanisms.2 = EXTERNAL",
	}, "\n") + "\n"
}

func makeCert(tb testing.TB, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("make key: %v", err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		tb.Fatalf("make certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatalf("parse certificate: %v", err)
	}
	return key, cert
}

func writePEM(tb testing.TB, path, kind string, der []byte) {
	tb.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644); err != nil {
		tb.Fatalf("write %s: %v", path, err)
	}
}
