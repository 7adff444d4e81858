// Package amqp talks to RabbitMQ. It knows bytes, never tasks.
//
// Start with [Dialer]: it holds the broker addresses and is what everything else is made from.
//
//	Dialer      where the brokers are, how to reach them; one-off jobs (InspectQueue, DeclareQueue)
//	Consumer    takes messages from a queue for as many Receive calls as are waiting
//	Delivery    one message that is ours until it is settled or lost
//	Publisher   confirmed, ordered events; never loses one while its caller waits
//	Submitter   one message in, and what comes back
//
// # Generations
//
// A connection breaks sooner or later. The session underneath each Consumer and Publisher then makes a new
// one, for ever, with backoff. Nothing survives from one connection to the next: a channel, a delivery tag or a
// consumer of the old generation is void. That is a rule and not a habit, because delivery tags are small numbers
// that start again at 1: an acknowledgement that is late by one connection settles *another* message. The
// recovery which the client library has does exactly that, and therefore stays off.
//
// # Three connections
//
// RabbitMQ stops reading from a connection that publishes while the broker is short of memory or disk. So what
// must not be stopped lives on a connection that never publishes: the consumer's. Events have their own, and
// the rare copy that goes back to a queue ([Delivery.Return]) too.
//
// # What is known after a call returned
//
// A nil error from Publish means that the broker has taken responsibility (publisher confirm). A nil error from
// Ack means that the acknowledgement was written to the socket: AMQP has no answer to it. Whoever needs more
// must be ready to see the message again.
package amqp
