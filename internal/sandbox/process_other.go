//go:build !linux

package sandbox

import (
	"errors"
	"io"
)

// Run is the process, on Linux; elsewhere it is an error.
func Run(Policy, io.Reader, io.Writer) error {
	return errors.New("a sandbox is a network namespace of Linux")
}
