package amqp

import (
	"context"
	"errors"
)

// Observe makes events come to the queue of Listen, which was called before: those that the exchange gets with one of
// the keys, which may have wildcards. IsNoExchange: nobody has published there yet.
func (s *Submitter) Observe(ctx context.Context, exchange string, keys ...string) error {
	if s.replyCh == nil {
		return errors.New("observe: Listen was not called")
	}
	setDefault(&exchange, DefaultExchange)
	defer s.conn.killAfter(ctx)()
	for _, key := range keys {
		if err := s.replyCh.QueueBind(s.replyQueue, key, exchange, false, nil); err != nil {
			return s.conn.wrap(ctx, "bind reply queue to exchange", exchange, err)
		}
	}
	return nil
}
