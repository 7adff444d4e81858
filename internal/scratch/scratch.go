// Package scratch makes temporary files that leave nothing behind.
package scratch

import (
	"fmt"
	"os"
)

// File makes a temporary file in dir, which is made where it is missing. The file has no name: its space is given back
// when it is closed, or when the process ends, however it does.
func File(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for temporary files: %w", err)
	}
	file, err := os.CreateTemp(dir, "scratch-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, fmt.Errorf("take the name off a temporary file: %w", err)
	}
	return file, nil
}
