// Package sandbox is the process that holds a network for tasks. It is process 1 of a small container of its own; the
// containers of tasks join its network namespace, one after the other, and so need not wait for the engine to make one.
//
// It closes the namespace to the addresses that the operator denies, gives up every right with which that could be
// undone, by it or by anybody, and says "ready" on its standard output. From then on a line on its standard input is a
// question and a line on its standard output the answer; see [Check]. The end of its input is not its end: a worker that
// comes back attaches again. SIGTERM ends it.
//
// It fails closed: what cannot be set, or is not there when it is read back, ends it with one line that says why.
package sandbox
