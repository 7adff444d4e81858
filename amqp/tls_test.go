//go:build integration

package amqp

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestTLS(t *testing.T) {
	n := brokertest.StartNodeWith(t, brokertest.NodeConfig{TLS: true})
	q := brokertest.Queue(t, n.URL, nil)
	n.Ctl(t, "add_user", brokertest.ClientName, "not-used")
	n.Ctl(t, "set_permissions", brokertest.ClientName, "", "", ".*")

	files := url.Values{"cacertfile": {n.TLS.CA}, "certfile": {n.TLS.ClientCert}, "keyfile": {n.TLS.ClientKey}}
	withCA := url.Values{"cacertfile": {n.TLS.CA}}
	external := url.Values{"auth_mechanism": {"external"}}
	for k, v := range files {
		external[k] = v
	}
	pem, err := os.ReadFile(n.TLS.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cert, err := tls.LoadX509KeyPair(n.TLS.ClientCert, n.TLS.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"CA in the URL":           {URLs: []string{"amqps://" + n.TLS.Host + "?" + withCA.Encode()}},
		"certificate in the URL":  {URLs: []string{"amqps://" + n.TLS.Host + "?" + files.Encode()}},
		"EXTERNAL in the URL":     {URLs: []string{"amqps://" + n.TLS.Host + "?" + external.Encode()}},
		"CA beside the URL":       {URLs: []string{"amqps://" + n.TLS.Host}, TLS: &tls.Config{RootCAs: pool}},
		"EXTERNAL beside the URL": {URLs: []string{"amqps://" + n.TLS.Host + "?auth_mechanism=external"}, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}},
	} {
		t.Run(name, func(t *testing.T) {
			d, changes := testDialer(t, cfg)
			c := NewConsumer(d, ConsumerConfig{Queue: q})
			stop := start(t, c.Run)
			changes.await(t, "consumer", Connected, 1)
			brokertest.Publish(t, n.URL, q, amqp091.Publishing{})
			m := mustReceive(t, c)
			if err := m.Ack(soon(t)); err != nil {
				t.Error(err)
			}
			who := n.Ctl(t, "list_connections", "user", "ssl", "auth_mechanism")
			if strings.Contains(name, "EXTERNAL") && !strings.Contains(who, brokertest.ClientName+"\ttrue\tEXTERNAL") {
				t.Errorf("connections:\n%s", who)
			}
			stop()
		})
	}
	for name, tc := range map[string]struct{ url, says string }{
		"no CA":             {"amqps://" + n.TLS.Host, "unknown authority"},
		"plain to TLS":      {"amqp://guest:hunter2@" + n.TLS.Host, "the scheme is amqps"},
		"TLS to plain":      {"amqps://guest:hunter2@" + brokertest.Host(t, n.URL), "the scheme is amqp"},
		"missing file":      {"amqps://guest:hunter2@" + n.TLS.Host + "?cacertfile=/no/such/file", "/no/such/file"},
		"EXTERNAL, no cert": {"amqps://" + n.TLS.Host + "?auth_mechanism=external&" + withCA.Encode(), "not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := testDialer(t, Config{URLs: []string{tc.url}})
			_, err := d.InspectQueue(soon(t), q)
			if !IsUnreachable(err) && !IsBadCredentials(err) {
				t.Errorf("error %v", err)
			}
			if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want that it says %q and not the password", err, tc.says)
			}
		})
	}
	both := Config{URLs: []string{"amqps://" + n.TLS.Host + "?" + withCA.Encode()}, TLS: &tls.Config{RootCAs: pool}}
	if _, err := NewDialer(both); err == nil {
		t.Error("certificates in the URL and beside it were accepted")
	}
}
