package amqp

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"
)

func TestPredicates(t *testing.T) {
	reply := func(code int, reason string) *amqp091.Error {
		return &amqp091.Error{Code: code, Reason: reason, Server: true}
	}
	type verdict struct{ NoQueue, NoExchange, Refused, Credentials, VHost, Unreachable, Inequivalent, Locked bool }
	for name, tc := range map[string]struct {
		err  error
		want verdict
	}{
		"no queue":       {&Error{Err: reply(404, "NOT_FOUND - no queue 'q' in vhost '/'")}, verdict{NoQueue: true}},
		"unroutable":     {&Error{Err: ErrUnroutable}, verdict{NoQueue: true}},
		"node down":      {&Error{Err: reply(404, "NOT_FOUND - home node 'c1' of durable queue 'no queue ' in vhost '/' is down or inaccessible")}, verdict{}},
		"no exchange":    {&Error{Err: reply(404, "NOT_FOUND - no exchange 'e' in vhost '/'")}, verdict{NoExchange: true}},
		"access refused": {&Error{Err: reply(403, "ACCESS_REFUSED - ...")}, verdict{Refused: true}},
		"credentials":    {&Error{Err: amqp091.ErrCredentials, dial: true}, verdict{Credentials: true}},
		"vhost":          {&Error{Err: reply(530, "NOT_ALLOWED - vhost v not found"), dial: true}, verdict{VHost: true}},
		"dial":           {&Error{Err: errors.New("connection refused"), dial: true}, verdict{Unreachable: true}},
		"inequivalent":   {&Error{Err: reply(406, "PRECONDITION_FAILED - inequivalent arg")}, verdict{Inequivalent: true}},
		"locked":         {&Error{Err: reply(405, "RESOURCE_LOCKED")}, verdict{Locked: true}},
		"wrapped":        {fmt.Errorf("start: %w", &Error{Err: reply(405, "RESOURCE_LOCKED")}), verdict{Locked: true}},
		"nil":            {nil, verdict{}},
	} {
		got := verdict{
			IsNoQueue(tc.err), IsNoExchange(tc.err), IsAccessRefused(tc.err), IsBadCredentials(tc.err),
			IsNoVHost(tc.err), IsUnreachable(tc.err), IsInequivalent(tc.err), IsLocked(tc.err),
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestErrorIsOneLine(t *testing.T) {
	err := &Error{Op: "inspect queue", Broker: "amqp://u@h:5672", VHost: "/", Queue: "q",
		Err: &amqp091.Error{Code: 404, Reason: "NOT_FOUND - no queue 'q' in vhost '/'"}, Hint: "make it"}
	want := `inspect queue "q" on amqp://u@h:5672 (vhost "/"): NOT_FOUND - no queue 'q' in vhost '/' (404) - make it`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}
