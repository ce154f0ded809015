package space

import (
	"context"
	"sync"
)

// locks are held by name: who holds one keeps out those who ask for the same
// name, and nobody else. A name that nobody asks for takes no memory. The zero
// value is ready.
type locks struct {
	mu sync.Mutex
	m  map[string]*namedLock
}

type namedLock struct {
	held chan struct{} // full while it is held
	n    int           // holder and those who wait
}

// lock waits for a name, unless ctx ends first, and returns what gives it back.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	l.mu.Lock()
	x := l.m[name]
	if x == nil {
		if l.m == nil {
			l.m = map[string]*namedLock{}
		}
		x = &namedLock{held: make(chan struct{}, 1)}
		l.m[name] = x
	}
	x.n++
	l.mu.Unlock()
	select {
	case x.held <- struct{}{}:
		return func() { <-x.held; l.leave(name, x) }, nil
	case <-ctx.Done():
		l.leave(name, x)
		return nil, ctx.Err()
	}
}

func (l *locks) leave(name string, x *namedLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x.n--; x.n == 0 {
		delete(l.m, name)
	}
}
