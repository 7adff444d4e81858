// Package e2e drives the program as a stranger would: the binary, its flags, its signals and its exit codes on one side,
// AMQP messages and the engine's containers on the other. It imports nothing of the program.
//
//	go test -tags integration ./e2e
//
// It needs root, the Docker engine and the RabbitMQ of this machine, the two images of dev/images.sh, and Debian's
// amqp-tools and python3-pika. What is missing fails the tests: a silent skip would be a green lie. Each test has a
// queue, an exchange, a worker id and a state directory of its own. What must be broken is never the machine's: tests
// start a broker (brokertest.StartNode) or an engine (startEngine) of their own.
//
// These variables change a run: DOCKER_WORKER_E2E_BINARY tests a program that is there already instead of building
// one; DOCKER_WORKER_E2E_LONG=1 makes the broker's outage 20 seconds long; DOCKER_WORKER_TEST_AMQP is another broker.
//
// The tests named TestChaos kill, cut and starve whatever a task depends on. DOCKER_WORKER_CHAOS=full gives them their
// full size (make test-chaos); without it they take some minutes.
package e2e
