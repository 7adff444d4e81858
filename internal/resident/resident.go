// Package resident keeps a process that waits small.
package resident

import (
	"runtime/debug"
	"sync"
	"time"
)

// Idler gives memory back when nothing has run for a while: garbage to the kernel, and the pages of the program that
// only the start or a task has needed. They stay in the page cache, where the kernel may take them for something
// better, and come back when they are touched. A task that begins in that moment is slower by that and no more. It is for
// several goroutines.
type Idler struct {
	after   time.Duration
	again   time.Duration
	release func()

	mu      sync.Mutex
	running int
	timer   *time.Timer
}

// NewIdler begins with nothing running. Memory is given back when that has been so for a first duration, and from then on
// whenever it has been so for another; what goes wrong with that is told to failed.
func NewIdler(after, again time.Duration, failed func(error)) *Idler {
	return newIdler(after, again, func() {
		debug.FreeOSMemory()
		if err := releaseProgram(); err != nil {
			failed(err)
		}
	})
}

func newIdler(after, again time.Duration, release func()) *Idler {
	i := &Idler{after: after, again: again, release: release}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.timer = time.AfterFunc(after, i.idle)
	return i
}

// Begin says that something runs, until end is called, once.
func (i *Idler) Begin() (end func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running++
	i.timer.Stop()
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.running--; i.running == 0 {
			i.timer.Reset(i.after)
		}
	}
}

// Stop ends it. What is under way goes on for a moment.
func (i *Idler) Stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running++ // for ever
	i.timer.Stop()
}

// idle is called when nothing has run for long enough.
func (i *Idler) idle() {
	i.release()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == 0 {
		i.timer.Reset(i.again)
	}
}
