package bench

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

// peak is the most that a benchmark had on the heap, seen every few
// milliseconds.
type peak struct {
	stop chan struct{}
	done sync.WaitGroup
	most uint64
}

func watchMemory() *peak {
	runtime.GC()
	p := &peak{stop: make(chan struct{})}
	p.done.Go(p.watch)
	return p
}

func (p *peak) watch() {
	const every = 5 * time.Millisecond
	t := time.NewTicker(every)
	defer t.Stop()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		metrics.Read(sample)
		p.most = max(p.most, sample[0].Value.Uint64())
		select {
		case <-p.stop:
			return
		case <-t.C:
		}
	}
}

// mebibytes ends the watch.
func (p *peak) mebibytes() float64 {
	close(p.stop)
	p.done.Wait()
	return float64(p.most) / (1 << 20)
}

// amplified tells what went to the device: by the log, flushes, compactions and
// tables taken in.
type amplified interface{ deviceBytes() uint64 }

// reportAmplification sets what went to the device since a store was opened
// beside the bytes of nodes in it.
func reportAmplification(b *testing.B, x store) {
	if a, ok := x.(amplified); ok && x.nodeBytes() > 0 {
		b.ReportMetric(float64(a.deviceBytes())/float64(x.nodeBytes()), "write-amp")
	}
}
