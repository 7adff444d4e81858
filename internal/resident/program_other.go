//go:build !linux

package resident

// releaseProgram does nothing: other systems tell nothing of a process's pages, and workers do not run there.
func releaseProgram() error { return nil }
