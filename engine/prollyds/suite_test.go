package prollyds

import (
	"context"
	"testing"

	dstest "github.com/ipfs/go-datastore/test"
	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inMemory returns a datastore over a store in memory.
func inMemory(t testing.TB, opts ...Option) *Datastore {
	t.Helper()
	return over(t, memkv.New(), opts...)
}

// over returns a datastore over s.
func over(t testing.TB, s kv.Store, opts ...Option) *Datastore {
	t.Helper()
	e, err := engine.New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Branch(context.Background(), defaultBranch)
	if err != nil {
		t.Fatal(err)
	}
	d := Wrap(b, opts...)
	d.owned = true
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if n := d.cursors.len(); n != 0 {
			t.Errorf("%d results left open", n)
		}
	})
	return d
}

// onPebble returns a datastore in a directory of its own.
func onPebble(t testing.TB, opts ...Option) *Datastore {
	t.Helper()
	d, err := NewDatastore(t.TempDir(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// The suite of go-datastore, P1.
func TestSuite(t *testing.T) {
	t.Run("memory", func(t *testing.T) { dstest.SubtestAll(t, inMemory(t)) })
	t.Run("pebble", func(t *testing.T) { dstest.SubtestAll(t, onPebble(t)) })
}
