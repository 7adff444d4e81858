package worker

import (
	"crypto/rand"
	"fmt"
)

// NewID makes a random UUID (version 4, RFC 9562) for a task or a process that has no id of its own.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// IsTaskID tells whether a task may have the id.
func IsTaskID(id string) bool { return taskIDPattern.MatchString(id) }
