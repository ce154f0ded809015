package main

import "io"

// timedBody calls done when it was read to its end, once.
type timedBody struct {
	io.ReadCloser
	done func()
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.done != nil {
		b.done()
		b.done = nil
	}
	return n, err
}
