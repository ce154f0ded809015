package gate

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestClose: G1, G2.
func TestClose(t *testing.T) {
	for range 200 {
		g := New()
		var inside, finished atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for g.Enter() {
					inside.Add(1)
					if g.Enter() {
						g.Leave()
					}
					inside.Add(-1)
					g.Leave()
				}
				finished.Add(1)
			})
		}
		if !g.Close(nil) || g.Close(nil) {
			t.Fatal("Close must be true once, then false")
		}
		if n := inside.Load(); n != 0 {
			t.Fatalf("%d calls under way after Close (G1)", n)
		}
		if g.Enter() || !g.Closed() {
			t.Fatal("entered after Close (G1)")
		}
		wg.Wait()
		if finished.Load() != 8 {
			t.Fatal("a caller was not turned away")
		}
	}
}

// TestGiveUp: Close leaves a call alone that never ends.
func TestGiveUp(t *testing.T) {
	g, giveUp := New(), make(chan struct{})
	g.Enter()
	close(giveUp)
	if !g.Close(giveUp) || g.Enter() {
		t.Fatal("not closed")
	}
	g.Leave()
}
