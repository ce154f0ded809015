package gate

import (
	"runtime"
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

// TestCloseWaits: Close returns after the last call has left (G1).
func TestCloseWaits(t *testing.T) {
	g := New()
	g.Enter()
	g.Enter()
	var left atomic.Int64
	closed := make(chan int64)
	go func() {
		g.Close(nil)
		closed <- left.Load()
	}()
	for !g.Closed() {
		runtime.Gosched()
	}
	for range 2 {
		for range 1000 { // let a Close that does not wait return
			runtime.Gosched()
		}
		left.Add(1)
		g.Leave()
	}
	if n := <-closed; n != 2 {
		t.Fatalf("Close returned when %d of 2 calls had left (G1)", n)
	}
}
