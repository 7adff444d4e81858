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
// # Versions
//
// The version of every request is fixed once, by [Client.Negotiate]: the newest that client and engine speak, within
// 1.41 to 1.44. One of these is accepted by every engine since 2020:
//
//	Docker 20.10      1.12 to 1.41
//	Docker 23         1.12 to 1.42
//	Docker 24         1.12 to 1.43
//	Docker 25         1.24 to 1.44
//	Docker 26         1.24 to 1.45
//	Docker 27         1.24 to 1.47
//	Docker 28         1.24 to 1.51
//	Docker 29.0-29.2  1.44 to 1.53
//	Docker 29.3-29.7  1.40 to 1.55
//	podman 4          1.24 to 1.41
//
// Config.APIVersion pins another one, 1.24 at the oldest. What is missing below 1.41 is refused with an
// [*UnsupportedError]: samples of resources (1.41), cgroup namespaces and the platform of a container (1.41), device
// requests (1.40), masked paths (1.38), the working directory of an exec (1.35), the platform of a pull (1.32), waiting
// at all and keeping owners in an upload (1.30), and prune, disk usage, mounts, init, runtime, CPU limits and automatic
// removal (1.25).
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
