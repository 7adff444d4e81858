// Package seal closes a value so that only a worker can open it: what the broker, its backups and whoever reads a queue
// see is a text that tells nothing but its length.
//
// A sealed value is bound to one variable of one task. It is
//
//	v1.<key id>.<base64url without padding of encapsulated key and ciphertext>
//
// by HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, without aad, and with
//
//	docker-worker sealed value v1<newline><task id><newline><name of the variable>
//
// as info, so that every HPKE library can make one. The key id is the beginning of the SHA-256 of the public key.
//
// Everything here may be used by several goroutines.
package seal
