package memkv_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/kvtest"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	for name, o := range map[string]memkv.Options{"zero hints": {}, "moving hints": {MovingHints: true}} {
		t.Run(name, func(t *testing.T) {
			kvtest.Suite{Lacks: []string{"Behind", "Spare"}}.Test(t, func(*testing.T) kvtest.Opener {
				d := memkv.NewDisk(o)
				return func() (kv.Store, error) { return opened(d.Open()) }
			})
		})
	}
}

func TestModel(t *testing.T) {
	kvtest.Suite{}.TestModel(t, func() kvtest.Opener {
		d := memkv.NewDisk(memkv.Options{MovingHints: true})
		return func() (kv.Store, error) { return opened(d.Open()) }
	})
}

// opened keeps a nil *Store from becoming a kv.Store that is not nil.
func opened(s *memkv.Store, err error) (kv.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// TestMovingHints: a hint leads to its node until the disk is opened again or
// swept, and then nowhere (M2).
func TestMovingHints(t *testing.T) {
	ctx := context.Background()
	d := memkv.NewDisk(memkv.Options{MovingHints: true})
	s, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	block, absent := []byte("a node"), codec.Sum([]byte("not stored"))
	b := s.NewBatch()
	at, err := b.PutNode(codec.Sum(block), block, nil)
	if err := errors.Join(err, b.Commit(ctx)); err != nil || at == (kv.Hint{}) {
		t.Fatalf("hint %v, error %v", at, err)
	}
	leads := func() bool {
		n, err := s.ReadNode(ctx, absent, at)
		return err == nil && string(n.Block) == string(block)
	}
	if !leads() {
		t.Error("a fresh hint leads nowhere")
	}
	if _, err := s.Sweep(ctx, kv.Keep{}); err != nil || leads() {
		t.Errorf("a hint from before the sweep leads somewhere, or %v", err)
	}
	for n, err := range s.ScanNodes(ctx) {
		if at = n.At; err != nil || !leads() {
			t.Errorf("a scanned hint leads nowhere, or %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = d.Open(); err != nil || leads() {
		t.Errorf("a hint from before reopening leads somewhere, or %v", err)
	}
}
