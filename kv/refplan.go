package kv

import (
	"bytes"
	"fmt"
)

// RefPlan holds a batch to its rules: one ref, one swap, ascending logs. A
// store's Batch tells it of each call before it records the call, and asks it
// at commit whether the ref and the log it finds are as the batch needs them.
// It keeps no data but the expected value.
type RefPlan struct {
	name  string
	swaps bool
	old   []byte

	cleared bool   // the stored log is gone before the first append
	trimmed uint64 // so are its records up to here
	first   uint64 // number of the first append; 0: none
	tail    uint64 // highest of the batch's own records still in the log; 0: none
	wrote   bool   // an append came, whether or not it was trimmed
}

// Name is the ref that the batch touches; empty when it touches none.
func (p *RefPlan) Name() string { return p.name }

// Swaps tells whether the batch swaps the ref.
func (p *RefPlan) Swaps() bool { return p.swaps }

// Appends tells whether the batch adds to the log.
func (p *RefPlan) Appends() bool { return p.wrote }

// Swap notes a SwapRef.
func (p *RefPlan) Swap(name string, old, next []byte) error {
	if err := p.touch(name); err != nil {
		return err
	}
	if p.swaps {
		return fmt.Errorf("%w: it swaps %q already", ErrBatch, p.name)
	}
	p.name, p.swaps, p.old = name, true, bytes.Clone(old)
	if next == nil {
		p.clear()
	}
	return nil
}

// Append notes an AppendLog.
func (p *RefPlan) Append(name string, seq uint64) error {
	if err := p.touch(name); err != nil {
		return err
	}
	if seq == 0 || seq <= p.tail {
		return fmt.Errorf("%w: %d after %d in the log of %q", ErrSequence, seq, p.tail, name)
	}
	if !p.wrote {
		p.first = seq
	}
	p.name, p.tail, p.wrote = name, seq, true
	return nil
}

// Trim notes a TrimLog.
func (p *RefPlan) Trim(name string, seq uint64) error {
	if err := p.touch(name); err != nil {
		return err
	}
	p.name = name
	if !p.wrote {
		p.trimmed = max(p.trimmed, seq)
	}
	if seq >= p.tail {
		p.tail = 0
	}
	return nil
}

// Check tells whether the batch may be committed to a ref whose value is now
// (nil: it does not exist) and whose log's highest number is last (0: empty),
// and what the highest number is afterwards.
func (p *RefPlan) Check(now []byte, last uint64) (after uint64, err error) {
	if p.swaps && ((p.old == nil) != (now == nil) || !bytes.Equal(p.old, now)) {
		return 0, fmt.Errorf("%w: %q", ErrConflict, p.name)
	}
	if p.cleared || last <= p.trimmed {
		last = 0
	}
	if p.wrote && p.first <= last {
		return 0, fmt.Errorf("%w: %d after %d in the log of %q", ErrSequence, p.first, last, p.name)
	}
	if p.wrote {
		return p.tail, nil
	}
	return last, nil
}

// touch tells whether the batch may touch ref name.
func (p *RefPlan) touch(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if p.name != "" && p.name != name {
		return fmt.Errorf("%w: it touches ref %q, and now %q", ErrBatch, p.name, name)
	}
	return nil
}

// clear forgets the log. Records that the batch appended before are checked
// all the same, but no longer stand in the log.
func (p *RefPlan) clear() {
	p.tail = 0
	if !p.wrote {
		p.cleared = true
	}
}
