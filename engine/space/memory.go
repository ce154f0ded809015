package space

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// What a process that serves spaces takes, in bytes, as its parts are bounded.
const (
	storeMemory = 160 << 20                    // of the store: its cache and what it has not written yet
	heapMemory  = (256 + 64 + 3*32) << 20      // requests; decoded nodes; runs of nodes on their way to the disk
	MinMemory   = 256 << 20                    // with less the collector of memory would have no rest
	Memory      = storeMemory + heapMemory/4*5 // with room for what is on its way out
)

// BoundMemory has the Go runtime collect memory more often when the process
// takes more than so many bytes in all, about, Memory when 0; and returns how much
// of it requests may have together (Limits.Memory). Without, the heap may be
// twice what is in use, after a burst too. It is a soft limit: what is in use stays,
// and no request fails for it. It is of the whole process, so programs call it,
// once. A limit that the environment sets (GOMEMLIMIT) stays, when total is 0.
func BoundMemory(total int64) (requests int64) {
	given := total > 0
	if !given {
		total = Memory
	}
	if given || os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(max(total, MinMemory) - storeMemory)
	}
	return min(256<<20, total/3)
}

// memoryInUse is what the Go runtime has of the system, and what it keeps to:
// math.MaxInt64 when to nothing.
func memoryInUse() (bytes, limit uint64) {
	m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64() - m[1].Value.Uint64(), min(m[2].Value.Uint64(), math.MaxInt64)
}
