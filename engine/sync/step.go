package sync

import (
	"bytes"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// step is how one tree becomes another. Its edits stand in a spool.
type step struct {
	base    cid.Cid        // the empty tree's root for a step from nothing
	root    cid.Cid        // to be reached
	commit  *engine.Commit // of root; nil when there is none
	block   []byte         // of commit
	runs    []extent
	last    []byte   // the largest key received
	deletes [][]byte // further keys to delete, ascending; a run's edit of one counts
	done    bool     // its end has arrived
}

// A step begins with
//
//	│ flags: 1 has a base │ [base, 32 bytes] │ root, 32 bytes │ block of the commit, perhaps │
//
// so that whoever has its beginning can ask for the rest.
func appendStep(dst []byte, base, root cid.Cid, block []byte) ([]byte, error) {
	var err error
	if base == emptyRoot {
		dst = append(dst, 0)
	} else if dst, err = appendHash(append(dst, 1), base); err != nil {
		return nil, err
	}
	if dst, err = appendHash(dst, root); err != nil {
		return nil, err
	}
	return append(dst, block...), nil
}

var emptyRoot = codec.EmptyRoot.CID()

func parseStep(b []byte) (*step, error) {
	r := runReader{rest: b}
	flags, err := r.take(1)
	if err != nil {
		return nil, err
	}
	st := &step{base: emptyRoot}
	if flags[0] > 1 {
		return nil, malformed("a step with flags %#x", flags[0])
	}
	if flags[0] == 1 {
		if st.base, err = r.hash(); err != nil {
			return nil, err
		}
		if st.base == emptyRoot {
			return nil, malformed("the empty tree as a base")
		}
	}
	if st.root, err = r.hash(); err != nil || len(r.rest) == 0 {
		return st, err
	}
	return st, st.attach(r.rest)
}

// attach names the commit that the step's root belongs to.
func (st *step) attach(block []byte) error {
	c, err := parseCommit(block)
	if err != nil {
		return err
	}
	if c.Root != st.root {
		return malformed("commit %v is of root %v, the step of %v", c.CID, c.Root, st.root)
	}
	st.commit, st.block = &c, bytes.Clone(block)
	return nil
}

func parseCommit(block []byte) (engine.Commit, error) {
	d, err := codec.ParseCommit(block)
	if err != nil {
		return engine.Commit{}, malformed("commit: %v", err)
	}
	return engine.Commit{CID: codec.Sum(block).CID(), Commit: d}, nil
}
