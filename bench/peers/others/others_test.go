package others

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	u, ok := parse([]byte("cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 1 2\n"))
	if !ok || u.busy != 171*tick || u.all != 4671*tick {
		t.Errorf("%v, %v", u, ok)
	}
	for _, text := range []string{"", "cpu 1 2 3", "cpux 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 six 7 8"} {
		if u, ok := parse([]byte(text)); ok {
			t.Errorf("%q: %v", text, u)
		}
	}
}

func TestBetween(t *testing.T) {
	s := time.Second
	from := usage{busy: 10 * s, all: 100 * s, own: 5 * s}
	for _, c := range []struct {
		to     usage
		others time.Duration
		share  float64
		known  bool
	}{
		{usage{busy: 14 * s, all: 110 * s, own: 8 * s}, s, 0.1, true},
		{usage{busy: 13 * s, all: 110 * s, own: 9 * s}, 0, 0, true}, // the kernel counts in ticks
		{usage{}, 0, 0, false},
	} {
		got := between(from, c.to)
		share, known := got.Share()
		if got.Others != c.others || share != c.share || known != c.known {
			t.Errorf("%v: %v, %v, %v", c.to, got, share, known)
		}
	}
	if _, known := between(usage{}, from).Share(); known {
		t.Error("O2 violated: a beginning that is not known")
	}
	sum := Time{s, 10 * s}.Add(Time{2 * s, 20 * s})
	if share, ok := sum.Share(); !ok || share != 0.1 {
		t.Errorf("%v: %v", sum, share)
	}
}

// TestMain lets the test's own program be a child that works for a while.
func TestMain(m *testing.M) {
	if os.Getenv("OTHERS_CHILD") != "" {
		for n := uint64(0); n < 1<<27; n++ {
			sink += n * n
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var sink uint64

// TestO1Children: what a child took is found in what this process took.
func TestO1Children(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // nothing is known
	}
	begin := now()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "OTHERS_CHILD=1")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	end := now()
	took := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	if took <= 0 || end.own-begin.own < took {
		t.Errorf("O1 violated: %v of a child's %v", end.own-begin.own, took)
	}
	if end.all <= begin.all || end.busy <= begin.busy {
		t.Errorf("nothing went by: %v, %v", begin, end)
	}
}
