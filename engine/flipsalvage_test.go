package engine

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// rescued salvages one of a sample.
func (x flipped) rescued() {
	if !x.salvage {
		return
	}
	t := x.t
	x.w.mu.Lock()
	x.w.salvages++
	x.w.mu.Unlock()
	s, err := pebblekv.Open("store", &pebblekv.Options{FS: x.fs, ReadOnly: true, Damaged: true, MemTableBytes: 4 << 20, CacheBytes: 8 << 20})
	if err != nil {
		t.Errorf("%v: salvage: %v", x, err)
		return
	}
	src := must(New(s, &Options{ReadOnly: true}))(t)
	dst := must(New(memkv.New(), nil))(t)
	var losses []Loss
	done, err := Salvage(ctx, src, dst, func(l Loss) { losses = append(losses, l) })
	if err != nil {
		t.Errorf("%v: salvage: %v", x, err)
	} else {
		x.compare(src, dst, done, losses)
	}
	do(t, src.Close())
	do(t, dst.Close())
}

// compare compares what was salvaged with what was there: no block is missing but those
// that share a checksum with the flipped bit; each entry is right, or reported and of such
// a block, or else on another branch; and when nothing is reported all is as it was.
func (x flipped) compare(src, dst *Engine, done Salvaged, losses []Loss) {
	t := x.t
	in := x.within()
	was := start(t, flipStore(x.clean, true), &Options{ReadOnly: true})
	defer func() { do(t, was.Close()) }()
	x.missing(was, src, in)
	if done.Mended > 0 {
		x.count("salvaged with inner nodes made again")
	}
	got := x.w.parts(dst)
	whole := 0
	for part, want := range x.base.want {
		if got[part] == want {
			whole++
		}
	}
	if whole == len(x.base.want) {
		x.count("salvaged whole")
		return
	}
	x.count("salvaged in part")
	if in.empty() {
		t.Errorf("%v: nothing is stored there, and not all is salvaged: %v; losses %v", x, got, losses)
	}
	if len(losses) == 0 {
		t.Errorf("%v: salvage reports nothing, and something is missing: %v", x, got)
	}
	if len(done.Found) > 0 {
		x.count("salvaged with leaves without a place")
	}
	for _, name := range []string{"main", "other"} {
		x.compareBranch(was, src, dst, name, in, done, losses)
	}
}

// compareBranch compares the entries of a branch.
func (x flipped) compareBranch(was, src, dst *Engine, name string, in unit, done Salvaged, losses []Loss) {
	t := x.t
	a := must(was.Lookup(ctx, name))(t)
	want := must(linkedContent(a))(t)
	is := content{}
	if b, err := dst.Lookup(ctx, name); err == nil {
		is = must(linkedContent(b))(t)
	} else if !in.Refs[branchPrefix+name] {
		t.Errorf("%v: branch %s is lost: %v; losses %v", x, name, err, losses)
		return
	}
	var damaged map[string]bool
	var all map[[2]string]bool
	for key, v := range want {
		if is[key] == v {
			continue
		}
		if !covered(losses, name, key) && !rolledBack(losses) {
			t.Errorf("%v: %q of %s is lost or changed, and nobody says so; losses %v", x, key, name, losses)
			return
		}
		if damaged == nil {
			damaged, all = in.keys(t, a), everywhere(t, dst)
			if in.Staged[branchPrefix+name] {
				lostStaged(t, was, src, branchPrefix+name, damaged)
			}
		}
		switch {
		case damaged[key]:
			x.count("entries of damaged blocks lost")
		case all[[2]string{key, v}]:
			x.count("entries salvaged elsewhere")
		case in.Refs[branchPrefix+name]:
			x.count("entries not committed, their branch's record damaged")
		default:
			x.count("entries beyond the damaged blocks lost")
			t.Errorf("%v: %q of %s is lost, and not of a damaged block; %+v; now %.20q, was %.20q; losses %v", x, key, name, done, is[key], v, covering(losses, name, key))
			return
		}
	}
}

// covering are the losses of the branch as it is that cover a key.
func covering(losses []Loss, name, key string) []Loss {
	return slices.DeleteFunc(slices.Clone(losses), func(l Loss) bool { return !covered([]Loss{l}, name, key) })
}

// lostStaged adds the keys of the staging records that one store has and another has not.
func lostStaged(t *testing.T, was, is *Engine, ref string, keys map[string]bool) {
	left := map[uint64]bool{}
	for rec, err := range is.store.ReadLog(ctx, ref, 0) {
		do(t, err)
		left[rec.Seq] = true
	}
	for rec, err := range was.store.ReadLog(ctx, ref, 0) {
		do(t, err)
		if !left[rec.Seq] {
			do(t, readRecord(rec.Seq, rec.Data, func(o op) error { keys[string(o.key)] = true; return nil }))
		}
	}
}

// everywhere is elsewhere, with links.
func everywhere(t *testing.T, e *Engine) map[[2]string]bool {
	all := elsewhere(t, e)
	for _, info := range must(e.Branches(ctx))(t) {
		c := must(linkedContent(must(e.Lookup(ctx, info.Name))(t)))(t)
		for key, v := range c {
			all[[2]string{key, v}] = true
		}
	}
	return all
}

// rolledBack tells whether the last writes were reported as lost.
func rolledBack(losses []Loss) bool {
	return slices.ContainsFunc(losses, func(l Loss) bool {
		return l.Ref == "" && (errors.Is(l.Err, kv.ErrRollback) || errors.Is(l.Err, kv.ErrCorrupt))
	})
}

// unit is what one flipped bit may cost.
type unit struct{ pebblekv.Unit }

func (x flipped) within() unit {
	return unit{must(pebblekv.Within(x.base.fs, x.file, x.at))(x.t)}
}

func (u unit) empty() bool {
	return len(u.Nodes)+len(u.Blobs)+len(u.Refs)+len(u.Staged) == 0 && !u.State
}

// keys are those whose entries the unit holds: their leaf, or a block of their value.
func (u unit) keys(t *testing.T, b *Branch) map[string]bool {
	keys := map[string]bool{}
	do(t, b.state.Load().trees[theTree].Walk(ctx, func(a prolly.Addr, n *prolly.Node) error {
		for i := range n.Len() {
			if n.Level() == 0 && u.Nodes[a.Hash] {
				keys[string(n.AppendKey(nil, i))] = true
			}
		}
		return nil
	}))
	for x, err := range b.Range(ctx, prolly.Range{}) {
		do(t, err)
		if c := x.Value.Blob(); x.Value.Kind() == codec.Blob && u.holds(t, b.e, c) {
			keys[string(x.Key)] = true
		}
	}
	return keys
}

// holds tells whether a block of a value, or the one that a link names, is in the unit.
func (u unit) holds(t *testing.T, e *Engine, c cid.Cid) bool {
	if u.Blobs[string(c.Hash())] || c.Type() != cid.DagCBOR {
		return u.Blobs[string(c.Hash())]
	}
	l, err := codec.ParseChunkList(must(e.ReadBlock(ctx, c))(t))
	return err == nil && slices.ContainsFunc(l.Links, func(c cid.Cid) bool { return u.holds(t, e, c) })
}

// missing looks for blocks that one engine's store has, another's has not, and the unit
// does not hold.
func (x flipped) missing(was, is *Engine, in unit) {
	t := x.t
	for n, err := range was.store.(kv.Scanner).ScanNodes(ctx) {
		do(t, err)
		if got, err := is.store.ReadNode(ctx, n.Hash, kv.Hint{}); (err != nil || !bytes.Equal(got.Block, n.Node.Block)) && !in.Nodes[n.Hash] {
			t.Errorf("%v: node %v is missing, and does not lie there: %v", x, n.Hash, err)
			return
		}
	}
	for b, err := range was.store.(kv.Scanner).ScanBlobs(ctx) {
		do(t, err)
		name := cid.NewCidV1(cid.Raw, bytes.Clone(b.Multihash))
		if ok, err := is.store.HasBlob(ctx, name); (err != nil || !ok) && !in.Blobs[string(b.Multihash)] {
			t.Errorf("%v: blob %v is missing, and does not lie there: %v", x, name, err)
			return
		}
	}
}

func linkedContent(b *Branch) (content, error) {
	c := content{}
	for x, err := range b.Range(ctx, prolly.Range{}) {
		if err != nil {
			return nil, err
		}
		if x.Value.Link.Defined() {
			c[string(x.Key)] = x.Value.Link.String()
			continue
		}
		v, err := b.Get(ctx, x.Key)
		if err != nil {
			return nil, err
		}
		c[string(x.Key)] = string(v)
	}
	return c, nil
}
