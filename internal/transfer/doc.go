// Package transfer moves files between this machine and HTTP servers that may be slow, in trouble, or not there for a
// moment: [Client.Download] for what goes in, [Client.Upload] for what comes out.
//
// What passes is tried again: errors of the network, 408, 425, 429 and 5xx, with pauses that grow and that Retry-After
// can lengthen. A try has no time limit, because nobody knows how large a file may be; it ends when no byte has moved
// for a while. What does not pass ends it at once: [IsPermanent] tells these two apart.
//
// # Addresses are secrets
//
// An address with a signature in its query lets whoever has it read or write. So no error and no result of this package
// shows more of an address than [Redact] does, no Referer is sent, and nothing but the method, the path and the headers
// that the caller names goes out: a request that was signed by somebody else stays valid.
//
// # Where requests may go
//
// The addresses come from people who do not have this machine's place in the network. [Public] and [Client.Allow] hold
// requests away from what only this machine reaches: itself, and the metadata service of a cloud.
package transfer
