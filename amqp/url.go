package amqp

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// URL is the address of one broker, checked.
type URL struct {
	raw     string // with the password: never to be printed
	scheme  string
	host    string // host:port
	user    string
	vhost   string
	tlsArgs bool          // the query names certificates
	timeout time.Duration // connection_timeout, zero: not given
}

// queryKeys are the query parameters that the client library acts upon.
var queryKeys = []string{
	"cacertfile", "certfile", "keyfile", "server_name_indication", // TLS, for amqps
	"auth_mechanism",     // plain, amqplain, external; may be repeated
	"heartbeat",          // seconds
	"connection_timeout", // milliseconds
	"channel_max",        // channels of a connection
}

// ParseURL checks a broker URL, so that a mistake is found at the start and not at the first connection.
//
//	amqp://user:password@host:5672/vhost        amqps://host?cacertfile=/etc/ca.pem&auth_mechanism=external
//
// User and password default to guest, the port to 5672 or 5671. Reserved characters in user, password and vhost
// are percent-encoded. The vhost is what follows the slash behind the host: no path, "/" and "/%2F" all are the
// vhost "/", which RabbitMQ makes by default; (other clients take "amqp://host/" for the vhost with the empty
// name, so "/%2F" or no slash at all is what everybody understands). "/ci" is the vhost "ci", "/%2Fci" is "/ci";
// a second bare slash is refused as a mistake.
//
// One URL names one broker. "amqp://h1:5672,h2:5672", which other clients know, is refused: give several URLs.
// heartbeat=0 is refused: without heartbeats a dead broker is not noticed.
//
// An error never holds any part of the URL that could be its password.
func ParseURL(s string) (URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// url.Error prints the whole URL, and what it wraps prints parts of it: with an unescaped "/" in the
		// password the beginning of the password is taken for a port.
		return URL{}, errors.New("not a valid URL (reserved characters in user name, password and vhost must be percent-encoded)")
	}
	if u.Scheme != "amqp" && u.Scheme != "amqps" {
		return URL{}, errors.New("the scheme must be amqp or amqps")
	}
	_, authority, _ := strings.Cut(s, "://")
	if i := strings.IndexAny(authority, "/?#"); i >= 0 && strings.Contains(authority[i:], "@") {
		// "amqp://user:12/secret@host" parses: host "user", port 12, and the rest of the password as the vhost.
		return URL{}, errors.New("an @ behind the host is written %40, and so are reserved characters in the password")
	}
	if u.Opaque != "" || u.Fragment != "" {
		return URL{}, fmt.Errorf("not of the form %s://user:password@host:port/vhost", u.Scheme)
	}
	if strings.Contains(u.Host, ",") {
		return URL{}, errors.New("one URL names one broker: give a URL for each")
	}
	if u.Hostname() == "" {
		return URL{}, errors.New("the host is missing")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"amqp": "5672", "amqps": "5671"}[u.Scheme]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return URL{}, errors.New("the port must be a number from 1 to 65535")
	}
	vhost := "/"
	if rest := strings.TrimPrefix(u.EscapedPath(), "/"); rest != "" {
		if strings.Contains(rest, "/") {
			return URL{}, errors.New("a slash in the name of the vhost is written %2F")
		}
		if vhost, err = url.PathUnescape(rest); err != nil {
			return URL{}, errors.New("the vhost is not percent-encoded correctly")
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return URL{}, errors.New("the query is not percent-encoded correctly")
	}
	out := URL{raw: s, scheme: u.Scheme, host: net.JoinHostPort(u.Hostname(), port), user: "guest", vhost: vhost}
	if u.User != nil {
		out.user = u.User.Username()
	}
	if err := out.checkQuery(query); err != nil {
		return URL{}, err
	}
	if _, err := amqp091.ParseURI(s); err != nil {
		return URL{}, errors.New("the client library does not accept it: a space, or a number out of range in the query")
	}
	return out, nil
}

func (u *URL) checkQuery(query url.Values) error {
	for key, values := range query {
		if !slices.Contains(queryKeys, key) {
			return fmt.Errorf("unknown query parameter %q (known: %s)", key, strings.Join(queryKeys, ", "))
		}
		if len(values) > 1 && key != "auth_mechanism" {
			return fmt.Errorf("query parameter %q is given twice", key)
		}
	}
	for _, key := range queryKeys[:4] {
		if query.Has(key) {
			if u.scheme != "amqps" {
				return fmt.Errorf("query parameter %q needs the scheme amqps", key)
			}
			u.tlsArgs = true
		}
	}
	if query.Has("certfile") != query.Has("keyfile") {
		return errors.New("certfile and keyfile belong together")
	}
	if query.Get("heartbeat") == "0" {
		return errors.New("heartbeat=0 would leave a dead broker unnoticed")
	}
	for _, m := range query["auth_mechanism"] {
		if !slices.Contains([]string{"plain", "amqplain", "external"}, strings.ToLower(m)) {
			return errors.New("auth_mechanism must be plain, amqplain or external")
		}
	}
	if ms, err := strconv.Atoi(query.Get("connection_timeout")); err == nil && ms > 0 {
		u.timeout = time.Duration(ms) * time.Millisecond
	}
	return nil
}

// VHost is the name of the virtual host.
func (u URL) VHost() string { return u.vhost }

// Redacted is the URL for people: without password and query.
func (u URL) Redacted() string {
	r := url.URL{Scheme: u.scheme, Host: u.host, User: url.User(u.user)}
	if u.vhost != "/" {
		r.Path = "/" + u.vhost
		r.RawPath = "/" + url.PathEscape(u.vhost)
	}
	return r.String()
}

// String is Redacted, so that a URL printed by mistake gives nothing away.
func (u URL) String() string { return u.Redacted() }
