// Package worker is the domain: what a task is, what happens to it, and how a host runs it in a container.
//
// The life of one task is in run.go, and reads from top to bottom:
//
//	Source.Receive            a delivery from the queue, with a claim on it
//	payload                   parse and validate; bad ones are malformed-payload      state claimed
//	image, container          the stages' Setup, in the order of stages.go             state preparing
//	exec                      attach, wait, start, wait for the exit                   state running
//	Teardown                  the stages in reverse                                    state finishing
//	outcome                   published and confirmed                                  state resolved
//	Claim.Done                only then is the delivery settled
//
// Whatever a task has to tell (its log, its states, its outcome) goes into a journal on disk (journal.go) and from
// there to the Publisher (relay.go), in order and at the pace of the receiver. Nothing that runs a container ever waits
// for the network.
//
// The package knows neither AMQP nor the command line: it takes a Source, a Publisher and an Engine, which are small
// interfaces (ports.go), and main connects them. A feature plugs in as a Stage (stage.go); the runner stays as it is.
package worker
