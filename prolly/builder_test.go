package prolly

import (
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil {
		println(err.Error())
		code = 1
	}
	os.Exit(code)
}

// TestBuilder: entries given one by one make the tree of Build, whose bytes may
// be used again at once, and those that are refused are as if they had never been.
func TestBuilder(t *testing.T) {
	for seed, n := range []int{0, 1, 300, 3000, 30_000} { // up to many runs
		s := newSource(t, uint64(seed))
		m := randomModel(s, "random", n)
		b := NewBuilder(ctx, NewMemStore())
		var buf []byte
		for e := range m.sorted() {
			key := len(e.Key)
			buf = append(append(buf[:0], e.Key...), e.Value.Bytes...)
			e.Key = buf[:key:key]
			if e.Value.Bytes != nil {
				e.Value.Bytes = buf[key:]
			}
			if err := b.Add(e); err != nil {
				t.Fatal(err)
			}
			if s.IntN(100) == 0 {
				if err := b.Add(e); !errors.Is(err, ErrUnsorted) {
					t.Fatalf("a key for the second time: %v", err)
				}
			}
			clear(buf)
		}
		got, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if want := mustBuild(t, NewMemStore(), m); got.Root() != want.Root() {
			t.Errorf("seed %d: root %v of %d entries, want %v", seed, got.Root(), n, want.Root())
		}
		checkTree(t, got, m)
	}
}

// TestBuilderFails: an error of the store ends a Builder, is answered from then
// on, and leaves nothing behind; nor does one that is given up.
func TestBuilderFails(t *testing.T) {
	errStop := errors.New("stop")
	m := randomModel(newSource(t, 1), "random", 20_000)
	b := NewBuilder(ctx, failing{discard{}, errStop})
	var met error
	for e := range m.sorted() {
		err := b.Add(e)
		if met != nil && !errors.Is(err, errStop) {
			t.Fatalf("%v after %v", err, met)
		}
		if err != nil {
			met = err
		}
	}
	if _, err := b.Finish(); !errors.Is(err, errStop) || !errors.Is(met, errStop) {
		t.Errorf("%v, and at the end %v", met, err)
	}
	b = NewBuilder(ctx, discard{})
	for e := range m.sorted() {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
