package resident

import (
	"bytes"
	"fmt"
	"os"
	"runtime/metrics"
	"sync"
	"time"
)

// Peak is the most memory, in bytes, that a process had while it was watched.
type Peak struct {
	Resident uint64 // that is no file's, garbage not yet found included
	Live     uint64 // of the Go heap, in use at the end of a cycle of its collector
	Cycles   uint64 // of that collector, since the process began
}

// every is how long after one look the next follows.
const every = 5 * time.Millisecond

// Watch runs f and looks at the memory of the process meanwhile, before and after.
func Watch(f func() error) (Peak, error) {
	var p Peak
	stop, done := make(chan struct{}), sync.WaitGroup{}
	done.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for over := false; ; {
			now := Now()
			p = Peak{max(p.Resident, now.Resident), max(p.Live, now.Live), now.Cycles}
			if over {
				return
			}
			select {
			case <-stop:
				over = true
			case <-t.C:
			}
		}
	})
	err := f()
	close(stop)
	done.Wait()
	return p, err
}

// Now is what the process holds now. Where the system does not tell, Resident
// is what the Go runtime had from it.
func Now() Peak {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	p := Peak{Resident: samples[0].Value.Uint64() - samples[1].Value.Uint64(), Live: samples[2].Value.Uint64(), Cycles: samples[3].Value.Uint64()}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil { // not Linux
		return p
	}
	var kib uint64
	if _, after, ok := bytes.Cut(status, []byte("RssAnon:")); ok {
		if n, _ := fmt.Sscan(string(after), &kib); n == 1 {
			p.Resident = kib << 10
		}
	}
	return p
}
