// Package signature says who sent a task. A sender signs the message's body with Ed25519; the signature goes with the
// message as the header docker-worker-signature:
//
//	v1 <key id> <time of signing, RFC 3339, UTC, seconds> <base64 of the signature>
//
// What is signed is
//
//	docker-worker task v1<newline><task id><newline><time as above><newline><body, byte for byte>
//
// and the key id is the beginning of the SHA-256 of the public key.
//
// A body that was changed is refused, and so is one that comes again under another task id, or later than allowed.
// What a signature does not prevent is that somebody who has the message sends it again as it is, in time: to the same
// queue, where it is the same task again, or to another. A sender that must not be taken for the sender of another
// queue has a key of its own for each. The message's other properties (reply_to, priority) are not signed.
//
// Everything here may be used by several goroutines.
package signature
