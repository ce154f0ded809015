package prollyds

import (
	"context"
	"testing"

	dstest "github.com/ipfs/go-datastore/test"
	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inMemory returns a datastore over a store in memory.
func inMemory(t testing.TB, opts ...Option) *Datastore {
	t.Helper()
	e, err := engine.New(memkv.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return ownedBranch(t, e, opts...)
}

// ownedBranch returns a datastore that closes e with it.
func ownedBranch(t testing.TB, e *engine.Engine, opts ...Option) *Datastore {
	t.Helper()
	b, err := e.Branch(context.Background(), defaultBranch)
	if err != nil {
		t.Fatal(err)
	}
	d := Wrap(b, opts...)
	d.owned = true
	closeAtEnd(t, d)
	return d
}

// closeAtEnd closes d and expects it to have been left tidy.
func closeAtEnd(t testing.TB, d *Datastore) {
	t.Cleanup(func() {
		if n := d.cursors.len(); n != 0 && !t.Failed() {
			t.Errorf("D9: %d results left open", n)
		}
		if n := d.b.Engine().Stats().Pins; n != 0 && !t.Failed() {
			t.Errorf("D9: %d pins left", n)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

// onPebble returns a datastore in a directory of its own.
func onPebble(t testing.TB, opts ...Option) *Datastore {
	t.Helper()
	d, err := NewDatastore(t.TempDir(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, d)
	return d
}

// D1: the suite of go-datastore.
func TestSuite(t *testing.T) {
	t.Run("memory", func(t *testing.T) { dstest.SubtestAll(t, inMemory(t)) })
	t.Run("pebble", func(t *testing.T) { dstest.SubtestAll(t, onPebble(t)) })
}
