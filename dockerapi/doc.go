// Package dockerapi is a client of the Docker remote API that speaks one exact, negotiated version and knows what
// real engines do. It needs nothing but the standard library.
//
// A [Client] is made by [New] from a [Config] whose zero value means the local engine. Its methods bear the
// operationIds of the API documents (ContainerCreate, ImagePull …), one small method per endpoint, one file per
// resource. Options and results carry only what a program that runs containers uses; fields that an old engine does
// not know bear a `since` tag, and a request that sets one to an engine that would silently drop it is refused here
// ([UnsupportedError]).
//
// # The life of a container
//
// The order matters, because the engine loses what is asked too late:
//
//	created, err := c.ContainerCreate(ctx, name, config)
//	stream, err := c.ContainerAttach(ctx, created.ID, dockerapi.AttachOptions{Stdout: true, Stderr: true})
//	wait, err := c.ContainerWait(ctx, created.ID, dockerapi.WaitNextExit)
//	err = c.ContainerStart(ctx, created.ID)
//	// read stream to its end in a goroutine that never stalls: a reader that does not read blocks the container
//	status, err := wait.Result()
//	err = c.ContainerRemove(ctx, created.ID, dockerapi.RemoveOptions{Force: true, Volumes: true})
//
// Attach and wait return when the engine has answered with headers, so both are in place when the container starts.
// An attach that is opened after the start misses output; a wait that is opened after the start misses the exit.
//
// # Errors
//
// Every error of a call is an [*Error]; the predicates (IsNotFound, IsConflict, IsTemporary …) tell what it means, so
// that nobody matches text. What is already so is no error: a container that runs is started, one that is gone is
// removed. A stream that ends is not a container that exited: only a wait result says so, everything else is
// [ErrUnknownExit].
//
// # Time
//
// No call has a time limit of its own, because stop, wait, pull and attach last as long as they last: the context
// bounds each call, and each stream for its whole life. A pull has an inactivity limit.
//
// # Concurrency
//
// A Client may be used by any number of goroutines. It starts none that outlives the call that started it, except for
// those that net/http keeps for idle connections; [Client.Close] ends these.
package dockerapi
