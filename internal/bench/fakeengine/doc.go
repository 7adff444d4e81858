// Package fakeengine answers as a Docker engine does (API 1.41), on a unix socket, for measuring what a worker costs with
// more tasks than a machine could run. A container is an entry in a map: it "runs" from its start until it is stopped,
// killed, removed or told to end, and writes nothing. A container with the label of a sandbox speaks as one.
//
// It has every image that it is asked for. Networks, volumes and files it does not have.
package fakeengine
