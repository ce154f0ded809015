package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Opener opens the store that lies in one place. The first call finds nothing
// there and creates it; a call after Close finds what was left.
type Opener func() (kv.Store, error)

// TestStore runs the conformance suite for a store that does everything.
func TestStore(t *testing.T, newPlace func(t *testing.T) Opener) { Suite{}.Test(t, newPlace) }

// Suite is the conformance suite for a store that leaves something out.
type Suite struct {
	// NoHints: nodes lie under their hashes, and no hints are given or kept.
	NoHints bool

	// Lacks names the groups of the suite for whose ability the store is not
	// made: Sweep, Check, Behind and so on. A store that has an ability it is
	// said to lack fails, as does one that lacks another.
	Lacks []string
}

// Test runs the suite. newPlace is called once for each test and prepares a
// place that holds no store yet.
func (s Suite) Test(t *testing.T, newPlace func(t *testing.T) Opener) {
	groups := []struct {
		name string
		test func(*testing.T, *place)
		able func(kv.Store) bool // the ability that it takes; nil: none
	}{
		{"Nodes", testNodes, nil},
		{"Hints", testHints, nil},
		{"Blobs", testBlobs, nil},
		{"Refs", testRefs, nil},
		{"ListRefs", testListRefs, nil},
		{"Logs", testLogs, nil},
		{"LogOrder", testLogOrder, nil},
		{"BatchRules", testBatchRules, nil},
		{"BatchOrder", testBatchOrder, nil},
		{"Renew", testRenew, nil},
		{"Atomic", testAtomic, nil},
		{"Ownership", testOwnership, nil},
		{"Context", testContext, nil},
		{"Closed", testClosed, nil},
		{"Reopen", testReopen, nil},
		{"Reentrant", testReentrant, nil},
		{"ConcurrentSwaps", testConcurrentSwaps, nil},
		{"ConcurrentUse", testConcurrentUse, nil},
		{"CloseWhileBusy", testCloseWhileBusy, nil},
		{"Sweep", testSweep, able[kv.Sweeper]},
		{"Collector", testCollector, able[kv.Collector]},
		{"Scan", testScan, able[kv.Scanner]},
		{"Size", testSize, able[kv.Sizer]},
		{"Check", testCheck, able[kv.Checker]},
		{"Behind", testBehind, able[kv.Behind]},
		{"Spare", testSpare, able[kv.Behind]},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			p := &place{Suite: s, t: t, opener: newPlace(t)}
			p.open()
			t.Cleanup(p.cleanup)
			lacks := g.able != nil && !g.able(p.Store)
			if said := slices.Contains(s.Lacks, g.name); said != lacks {
				t.Fatalf("lacks what it takes: %v, and the suite was told %v", lacks, said)
			}
			if !lacks {
				g.test(t, p)
			}
		})
	}
}

// able tells whether a store has the ability A.
func able[A any](s kv.Store) bool {
	_, ok := s.(A)
	return ok
}

// place is a store under test and the means to open it again.
type place struct {
	Suite
	t      testing.TB
	opener Opener
	kv.Store
}

func (p *place) open() {
	p.t.Helper()
	s, err := p.opener()
	if err != nil {
		p.t.Fatalf("open: %v", err)
	}
	p.Store = s
}

func (p *place) reopen() {
	p.t.Helper()
	if err := p.Close(); err != nil {
		p.t.Fatalf("close: %v", err)
	}
	p.open()
}

func (p *place) cleanup() {
	if err := p.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
		p.t.Errorf("close: %v", err)
	}
}

// write commits what fill puts into a batch, and fails the test when that fails.
func (p *place) write(fill func(kv.Batch)) {
	p.t.Helper()
	if err := p.try(fill); err != nil {
		p.t.Fatalf("commit: %v", err)
	}
}

// try commits what fill puts into a batch.
func (p *place) try(fill func(kv.Batch)) error {
	b := p.NewBatch()
	fill(b)
	return b.Commit(bg)
}

var bg = context.Background()

// testBlock is a block with a number in it, of a length that varies.
func testBlock(i int) []byte {
	block := fmt.Appendf(nil, "block %d ", i)
	return append(block, bytes.Repeat([]byte{byte(i)}, i*37%3000)...)
}

// testNode is a block and its hash.
func testNode(i int) (codec.Hash, []byte) {
	block := testBlock(i)
	return codec.Sum(block), block
}

// testBlob is a block and its name.
func testBlob(i int) (cid.Cid, []byte) {
	block := append([]byte("blob "), testBlock(i)...)
	return codec.RawCID(block), block
}

// must fails the test when err is not nil.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantIs fails the test unless err is target.
func wantIs(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: got error %v, want %v", what, err, target)
	}
}

// all reads an iteration to its end.
func all[T any](seq iter.Seq2[T, error]) (got []T, err error) {
	for x, e := range seq {
		if e != nil {
			return got, e
		}
		got = append(got, x)
	}
	return got, nil
}

// wantNode fails the test unless the node is found with its block and as many
// children as given.
func wantNode(t testing.TB, p *place, h codec.Hash, at kv.Hint, block []byte, children []kv.Hint) {
	t.Helper()
	if p.NoHints {
		children = nil
	}
	n, err := p.ReadNode(bg, h, at)
	switch {
	case err != nil:
		t.Errorf("ReadNode: %v", err)
	case !bytes.Equal(n.Block, block):
		t.Errorf("ReadNode: %d bytes that are not the %d written (K6)", len(n.Block), len(block))
	case len(n.Children) != len(children):
		t.Errorf("ReadNode: %d children, want %d", len(n.Children), len(children))
	}
}

// wantRef fails the test unless the ref has the value; nil: unless it is
// missing.
func wantRef(t testing.TB, s kv.Store, name string, value []byte) {
	t.Helper()
	got, err := s.ReadRef(bg, name)
	switch {
	case value == nil:
		wantIs(t, "ReadRef of a missing ref", err, kv.ErrNotFound)
	case err != nil:
		t.Errorf("ReadRef(%q): %v", name, err)
	case got == nil || !bytes.Equal(got, value):
		t.Errorf("ReadRef(%q) = %q, want %q", name, got, value)
	}
}

// wantLog fails the test unless the log holds records with these numbers, each
// with its number as data.
func wantLog(t testing.TB, s kv.Store, ref string, after uint64, seqs ...uint64) {
	t.Helper()
	got, err := all(s.ReadLog(bg, ref, after))
	if err != nil {
		t.Errorf("ReadLog(%q): %v", ref, err)
	}
	var have []uint64
	for _, r := range got {
		have = append(have, r.Seq)
		if !bytes.Equal(r.Data, logData(r.Seq)) {
			t.Errorf("ReadLog(%q): record %d holds %q", ref, r.Seq, r.Data)
		}
	}
	if fmt.Sprint(have) != fmt.Sprint(seqs) {
		t.Errorf("ReadLog(%q, %d): records %v, want %v", ref, after, have, seqs)
	}
}

func logData(seq uint64) []byte { return fmt.Appendf(nil, "record %d", seq) }
