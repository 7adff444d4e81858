package worker

import "sync"

// pool recycles what is large and used for a moment. Its zero value is ready; it is for several goroutines.
type pool[T any] struct{ kept sync.Pool }

// Get is one that was put back, as it was left, or a new one.
func (p *pool[T]) Get() *T {
	if item, ok := p.kept.Get().(*T); ok {
		return item
	}
	return new(T)
}

// Put takes back what nobody uses any more. nil is nothing.
func (p *pool[T]) Put(item *T) {
	if item != nil {
		p.kept.Put(item)
	}
}
