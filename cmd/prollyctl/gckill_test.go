//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var gcKills = flag.Int("gc.kills", 6, "how often TestGCKilled kills a collection")

// gcVictim is a store whose collections are killed, and what is in it.
type gcVictim struct {
	*cli
	rnd     *rand.Rand
	content map[string]string
	commits int
}

const gcVictimKeys = 3000

// grow commits updates, most of which a collection may then take.
func (v *gcVictim) grow(commits, edits int) {
	v.opened(func(ctx context.Context, b *engine.Branch) error {
		for range commits {
			var list []prolly.Edit
			for range edits {
				key, value := fmt.Sprintf("key/%04d", v.rnd.IntN(gcVictimKeys)), fmt.Sprintf("%0100d", v.rnd.Uint64())
				v.content[key] = value
				list = append(list, prolly.Edit{Key: []byte(key), Value: prolly.Value{Bytes: []byte(value)}})
			}
			if err := b.Apply(ctx, list, engine.NoSync); err != nil {
				return err
			}
			v.commits++
			if _, err := b.Commit(ctx, engine.CommitOptions{Durability: engine.NoSync}); err != nil {
				return err
			}
		}
		return nil
	})
}

// opened calls f with the branch of the store.
func (v *gcVictim) opened(f func(ctx context.Context, b *engine.Branch) error) {
	v.Helper()
	e, err := engine.Open(filepath.Join(v.dir, ".prolly"), nil)
	if err != nil {
		v.Fatal(err)
	}
	b, err := e.Branch(v.Context(), "main")
	if err == nil {
		err = f(v.Context(), b)
	}
	if e := e.Close(); err == nil {
		err = e
	}
	if err != nil {
		v.Fatal(err)
	}
}

// collect runs a collection, and kills it after a while unless that is 0. It
// tells whether it was killed.
func (v *gcVictim) collect(after time.Duration) (killed bool) {
	v.Helper()
	cmd := v.command(v.Context(), "gc", "--keep", "3")
	if err := cmd.Start(); err != nil {
		v.Fatal(err)
	}
	if after > 0 {
		<-time.After(after) // where it strikes is left to chance
		killed = cmd.Process.Kill() == nil
	}
	err := cmd.Wait()
	killed = killed && !cmd.ProcessState.Exited()
	if err != nil && !killed {
		v.Fatal(err)
	}
	return killed
}

// audit compares the content, and has everything checked.
func (v *gcVictim) audit() {
	v.Helper()
	v.opened(func(ctx context.Context, b *engine.Branch) error {
		seen := 0
		for e, err := range b.Range(ctx, prolly.Range{}) {
			if err != nil {
				return err
			}
			if want := v.content[string(e.Key)]; want != string(e.Value.Bytes) {
				v.Errorf("%s is %q, not %q", e.Key, e.Value.Bytes, want)
			}
			seen++
		}
		if seen != len(v.content) {
			v.Errorf("%d entries instead of %d", seen, len(v.content))
		}
		kept := 0
		for _, err := range b.Log(ctx, engine.LogOptions{}) {
			if err != nil {
				return err
			}
			kept++
		}
		if kept < min(3, v.commits) {
			v.Errorf("%d commits are left", kept)
		}
		return b.Engine().Check(ctx, func(p engine.Problem) { v.Error(p) })
	})
}

// TestGCKilled: collections are killed with SIGKILL at random points; nothing
// that is kept is lost, and the next one goes on and takes what is left (G6).
func TestGCKilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	v := &gcVictim{cli: newStore(t), rnd: rand.New(rand.NewPCG(seed, 0)), content: map[string]string{}}
	v.grow(40, 300)
	began := time.Now()
	v.collect(0)
	whole := time.Since(began)
	v.audit()
	killed := 0
	for killed < *gcKills && !t.Failed() {
		v.grow(10, 300)
		if v.collect(1 + time.Duration(v.rnd.Int64N(int64(whole)))) {
			killed++
		}
		v.audit()
	}
	v.collect(0)
	v.audit()
	var left gcInfo
	v.json(&left, "gc", "--dry-run")
	if left.Removed.Nodes+left.Removed.Blobs > 0 {
		t.Errorf("%+v is left", left.Removed)
	}
	t.Logf("%d collections killed within %v; %d commits", killed, whole.Round(time.Millisecond), v.commits)
}
