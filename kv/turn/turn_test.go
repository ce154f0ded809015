package turn_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv/turn"
)

// TestOneAtATime: some wait, some give up, some only try, and never two have the
// turn; afterwards it is free (U1, U3).
func TestOneAtATime(t *testing.T) {
	x := turn.New()
	var inside atomic.Int32
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 60_000 {
				var ok bool
				switch r.IntN(4) {
				case 0:
					ok = x.Try()
				case 1:
					ok = x.Take(nil, nil)
				default:
					ok = takeImpatiently(x, r)
				}
				if !ok {
					continue
				}
				if inside.Add(1) != 1 {
					t.Errorf("seed %d: two have the turn", seed)
				}
				if r.IntN(4) == 0 {
					runtime.Gosched()
				}
				inside.Add(-1)
				x.Give()
			}
		})
	}
	wg.Wait()
	if !x.Try() {
		t.Fatal("nobody has the turn, and it is not free")
	}
}

// takeImpatiently waits for a turn until another goroutine has run, or not at
// all.
func takeImpatiently(x *turn.Turn, r *rand.Rand) bool {
	done := make(chan struct{})
	if r.IntN(2) == 0 {
		close(done)
	} else {
		go close(done)
	}
	if r.IntN(2) == 0 {
		return x.Take(done, nil)
	}
	return x.Take(nil, done)
}

// TestNotOvertaken: a turn that somebody waits for is not free in between (U2).
func TestNotOvertaken(t *testing.T) {
	x := turn.New()
	if !x.Try() || x.Try() {
		t.Fatal("a new turn is not one that can be taken once")
	}
	got, give := make(chan bool), make(chan struct{})
	go func() {
		got <- x.Take(nil, nil)
		<-give
		x.Give()
		close(got)
	}()
	for x.Waiting() != 1 {
		runtime.Gosched()
	}
	x.Give()
	if x.Try() {
		t.Error("who tries overtook who waits")
	}
	if !<-got {
		t.Error("who waited did not get it")
	}
	close(give)
	<-got
	if !x.Try() {
		t.Error("it is not free in the end")
	}
}
