package amqp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURLVHost(t *testing.T) {
	for url, want := range map[string]struct{ vhost, redacted string }{
		"amqp://h":                      {"/", "amqp://guest@h:5672"},
		"amqp://h/":                     {"/", "amqp://guest@h:5672"},
		"amqp://h/%2F":                  {"/", "amqp://guest@h:5672"},
		"amqp://h/%2f":                  {"/", "amqp://guest@h:5672"},
		"amqp://u:secret@h:1/ci":        {"ci", "amqp://u@h:1/ci"},
		"amqps://u:secret@h/%2Fci":      {"/ci", "amqps://u@h:5671/%2Fci"},
		"amqp://u:s%40cret@[::1]/a%2Fb": {"a/b", "amqp://u@[::1]:5672/a%2Fb"},
		"amqps://h?cacertfile=/x&server_name_indication=y": {"/", "amqps://guest@h:5671"},
	} {
		u, err := ParseURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if u.VHost() != want.vhost || u.Redacted() != want.redacted {
			t.Errorf("%s: vhost %q, redacted %q, want %+v", url, u.VHost(), u.Redacted(), want)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for name, url := range map[string]string{
		"scheme":              "http://u:hunter2@h",
		"no scheme":           "h:5672",
		"two hosts":           "amqp://u:hunter2@h1:5672,h2:5672/v",
		"two hosts no port":   "amqp://u:hunter2@h1,h2",
		"no host":             "amqp://u:hunter2@/v",
		"port":                "amqp://u:hunter2@h:0",
		"slash in password":   "amqp://u:hunter2/x@h",
		"percent in password": "amqp://u:hunter2%zz@h",
		"slash in vhost":      "amqp://u:hunter2@h/a/b",
		"double slash":        "amqp://u:hunter2@h//",
		"fragment":            "amqp://u:hunter2@h/v#hunter2",
		"unknown parameter":   "amqp://u:hunter2@h?hartbeat=3",
		"repeated parameter":  "amqp://u:hunter2@h?heartbeat=3&heartbeat=4",
		"TLS without TLS":     "amqp://u:hunter2@h?cacertfile=x",
		"half a certificate":  "amqps://u:hunter2@h?certfile=x",
		"no heartbeat":        "amqp://u:hunter2@h?heartbeat=0",
		"heartbeat":           "amqp://u:hunter2@h?heartbeat=x",
		"mechanism":           "amqp://u:hunter2@h?auth_mechanism=hunter2",
		"empty":               "",
	} {
		_, err := ParseURL(url)
		if err == nil {
			t.Errorf("%s: %s was accepted", name, url)
			continue
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the error gives the password away: %v", name, err)
		}
	}
}

func FuzzParseURLKeepsThePassword(f *testing.F) {
	for _, before := range []string{"", "a/", "12/", "12?", "%zz", "@", ":", "12?x=y&", "12/#"} {
		f.Add(before, "", "h", "v")
	}
	f.Fuzz(func(t *testing.T, before, after, host, vhost string) {
		const secret = "hunter2"
		if strings.Contains(host+vhost, "@") { // then the URL has another password
			return
		}
		u, err := ParseURL("amqp://u:" + before + secret + after + "@" + host + "/" + vhost)
		switch {
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("error: %v", err)
		case err == nil && strings.Contains(u.Redacted()+u.VHost(), secret):
			t.Errorf("redacted: %s", u)
		}
	})
}

func TestNewDialerReportsAllMistakes(t *testing.T) {
	_, err := NewDialer(Config{URLs: []string{"http://x", "amqp://a/v1", "amqp://b/v2", "amqp://c?x=y"}})
	if err == nil {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(3, len(strings.Split(err.Error(), "\n"))); diff != "" {
		t.Errorf("mistakes:\n%v", err)
	}
}

func TestNewDialerDefaults(t *testing.T) {
	d, err := NewDialer(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"amqp://guest@127.0.0.1:5672"}, d.Brokers()); diff != "" {
		t.Error(diff)
	}
	if d.VHost() != "/" {
		t.Errorf("vhost %q", d.VHost())
	}
}
