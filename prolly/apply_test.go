package prolly

import (
	"runtime"
	"testing"
)

// TestManyPasses makes small batches go through several passes.
func TestManyPasses(t *testing.T) {
	defer func(edits, procs int) {
		editsAPass = edits
		runtime.GOMAXPROCS(procs)
	}(editsAPass, runtime.GOMAXPROCS(4))
	editsAPass = 1
	for seed := range 8 {
		for _, shape := range shapes {
			incremental(t, newSource(t, uint64(seed)*16+uint64(len(shape))), shape, 40)
		}
	}
}
