// Package brokertest has what integration tests need from RabbitMQ: queues that go away, a proxy that breaks
// connections in every way that networks do, and a broker of the test's own that may be stopped, killed and starved.
//
// It is used by tests alone. A service that is missing fails the test: a silent skip would be a green lie.
package brokertest
