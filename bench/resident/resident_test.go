package resident

import (
	"errors"
	"runtime"
	"testing"
)

// TestM1Watch: memory that is held at the end is seen, and the error returned.
func TestM1Watch(t *testing.T) {
	before := Now()
	failed := errors.New("failed")
	const size = 256 << 20
	var b []byte
	p, err := Watch(func() error {
		b = make([]byte, size)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		runtime.GC()
		return failed
	})
	runtime.KeepAlive(b)
	if err != failed {
		t.Errorf("got error %v", err)
	}
	if p.Resident < before.Resident+size/2 || p.Live < size {
		t.Errorf("M1 violated: %d and %d in use, %d before", p.Resident, p.Live, before.Resident)
	}
}
