package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Factory opens the store under test on a file system, always in the same
// place.
type Factory func(fs vfs.FS) (kv.Store, error)

// action is a line of a script.
type action int

const (
	actCommit action = iota // a batch: nodes, now and then a blob, the ref, a log record
	actSync                 // Sync
	actSweep                // Sweep of what some batches wrote
	actReopen               // Close and open again
)

// script is a workload of a store: what it does, one thing after the other,
// and how large its batches are. Steps of the ledger are commits and sweeps.
type script struct {
	name      string
	actions   []action
	nodes     int  // a batch writes
	nodeBytes int  // each has, about
	behind    bool // nodes are put behind, if the store can, and then written
	made      *sync.Map
}

// madeNode is a node that was made before, because the sweeps ask for the same
// ones again and again.
type madeNode struct {
	hash  codec.Hash
	block []byte
}

// repeat is n times the actions.
func repeat(n int, actions ...action) (all []action) {
	for range n {
		all = append(all, actions...)
	}
	return all
}

// Scripts are the workloads that every store on a file system is swept with.
func Scripts(open Factory) []Workload {
	scripts := []script{
		{name: "create"},
		{name: "small, synced", actions: repeat(20, actCommit, actSync), nodes: 1, nodeBytes: 500},
		{name: "small, mixed", actions: repeat(12, actCommit, actCommit, actCommit, actSync), nodes: 3, nodeBytes: 700},
		{name: "small, never synced", actions: repeat(40, actCommit), nodes: 2, nodeBytes: 300},
		{name: "large", actions: repeat(3, actCommit, actCommit, actSync), nodes: 120, nodeBytes: 2200},
		{name: "reopened", actions: append(repeat(4, actCommit, actSync, actCommit, actReopen, actCommit), actSync), nodes: 5, nodeBytes: 1000},
		{name: "behind", actions: repeat(8, actCommit, actCommit, actSync), nodes: 60, nodeBytes: 2200, behind: true},
		{name: "swept", actions: append(append(repeat(10, actCommit), actSync, actSweep), repeat(6, actCommit, actSync, actCommit, actSweep)...), nodes: 8, nodeBytes: 1500},
	}
	var all []Workload
	for _, s := range scripts {
		s.made = &sync.Map{}
		all = append(all, Workload{
			Name:    s.name,
			Run:     func(fs vfs.FS, l *Ledger) error { return s.run(open, fs, l) },
			Verify:  func(fs vfs.FS, acked, begun int) error { return s.verify(open, fs, acked, begun) },
			Observe: func(fs vfs.FS) (string, error) { return s.observe(open, fs) },
			Recover: func(fs vfs.FS) error {
				st, err := open(fs)
				if err != nil {
					return err
				}
				return st.Close()
			},
		})
	}
	return all
}

// steps are the actions that are steps of the ledger; step n is steps()[n-1].
func (s script) steps() (steps []action) {
	for _, a := range s.actions {
		if a == actCommit || a == actSweep {
			steps = append(steps, a)
		}
	}
	return steps
}

func (s script) run(open Factory, fs vfs.FS, l *Ledger) (err error) {
	st, err := open(fs)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	for _, a := range s.actions {
		switch a {
		case actCommit:
			err = s.commit(st, l.Begin())
		case actSync:
			if err = st.Sync(bg); err == nil {
				l.Ack()
			}
		case actSweep:
			step := l.Begin()
			if _, err = st.(kv.Sweeper).Sweep(bg, s.keep(step)); err == nil {
				l.Ack()
			}
		case actReopen:
			if err = st.Close(); err == nil {
				l.Ack()
				if st, err = open(fs); err != nil {
					return fmt.Errorf("reopen: %w", err)
				}
			}
		}
		if err != nil {
			return errors.Join(err, st.Close())
		}
	}
	if err := st.Close(); err != nil {
		return err
	}
	l.Ack()
	return nil
}

// node is the i-th node that a step writes. Its bytes must not be changed.
func (s script) node(step, i int) (codec.Hash, []byte) {
	key := [2]int{step, i}
	n, ok := s.made.Load(key)
	if !ok {
		hash, block := s.makeNode(step, i)
		n, _ = s.made.LoadOrStore(key, madeNode{hash, block})
	}
	return n.(madeNode).hash, n.(madeNode).block
}

func (s script) makeNode(step, i int) (codec.Hash, []byte) {
	n := s.nodeBytes/2 + (step*31+i*17)%(s.nodeBytes+1)
	block := fmt.Appendf(nil, "step %d node %d ", step, i)
	for x := uint32(step*100_003 + i); len(block) < n; {
		x = x*1664525 + 1013904223
		block = append(block, byte(x>>24))
	}
	return codec.Sum(block), block
}

// blob is what a step writes beside its nodes; ok false: nothing.
func (s script) blob(step int) (c cid.Cid, block []byte, ok bool) {
	block = bytes.Repeat(fmt.Appendf(nil, "step %d blob ", step), 1+step*53%1500)
	return codec.RawCID(block), block, step%3 == 0
}

// refValue is the value of the ref after a step; nil before the first.
func (s script) refValue(step int) []byte {
	if step == 0 {
		return nil
	}
	return append(strconv.AppendInt(nil, int64(step), 10), bytes.Repeat([]byte{' '}, step*29%200)...)
}

// before is the last commit below a step, 0 when there is none.
func (s script) before(step int) int {
	steps := s.steps()
	for step--; step > 0 && steps[step-1] != actCommit; step-- {
	}
	return max(step, 0)
}

// trimmed is up to where the log is trimmed after a step.
func (s script) trimmed(step int) int { return max(0, step-step%7-3) }

func (s script) commit(st kv.Store, step int) error {
	b := st.NewBatch()
	defer func() { b.Close() }() // it only drops what an error left
	later, ok := st.(kv.Behind)
	if ok = ok && s.behind; ok {
		b = later.NewBehind()
	}
	if err := s.putNodes(b, step); err != nil {
		return err
	}
	if ok {
		if err := errors.Join(b.Commit(bg), later.WriteNodes(bg)); err != nil {
			return err
		}
		b = st.NewBatch()
	}
	if c, block, ok := s.blob(step); ok {
		if err := b.PutBlob(c, block); err != nil {
			return err
		}
	}
	if err := b.SwapRef("main", s.refValue(s.before(step)), s.refValue(step)); err != nil {
		return err
	}
	if err := b.AppendLog("main", uint64(step), logData(uint64(step))); err != nil {
		return err
	}
	if err := b.TrimLog("main", uint64(s.trimmed(step))); err != nil {
		return err
	}
	return b.Commit(bg)
}

func (s script) putNodes(b kv.Batch, step int) error {
	var hints []kv.Hint
	for i := range s.nodes {
		h, block := s.node(step, i)
		at, err := b.PutNode(h, block, hints[:min(len(hints), i%5)])
		if err != nil {
			return err
		}
		hints = append(hints, at)
	}
	return nil
}

// dropped tells whether the sweep of a step removes what an earlier one wrote.
func dropped(step, written int) bool { return (written+step)%3 == 0 }

// keep is what the sweep of a step spares.
func (s script) keep(step int) kv.Keep {
	nodes, blobs := map[codec.Hash]bool{}, map[string]bool{}
	for w := 1; w < step; w++ {
		for i := range s.nodes {
			h, _ := s.node(w, i)
			nodes[h] = !dropped(step, w)
		}
		c, _, _ := s.blob(w)
		blobs[string(c.Hash())] = !dropped(step, w)
	}
	return kv.Keep{
		Node: func(h codec.Hash) bool { return nodes[h] },
		Blob: func(key []byte) bool { return blobs[string(key)] },
	}
}
