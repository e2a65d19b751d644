package api

import "sync"

// buffers lends the memory that bodies pass through.
type buffers struct{ pool sync.Pool }

func newBuffers(size int) *buffers {
	return &buffers{sync.Pool{New: func() any { buffer := make([]byte, size); return &buffer }}}
}

// Get lends a buffer.
func (b *buffers) Get() []byte { return *b.pool.Get().(*[]byte) }

// Put takes it back.
func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }
