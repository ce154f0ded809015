package sync

import (
	"bytes"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// receiver takes steps from a stream into a spool.
type receiver struct {
	r        *frameReader
	s        *spool
	progress func()
}

// steps receives steps up to the end of the stream. After ErrTruncated the spool
// holds all that arrived, its last step perhaps without an end.
func (r *receiver) steps() error {
	for {
		kind, payload, err := r.r.next()
		if err != nil {
			return err
		}
		switch kind {
		case frameEnd:
			if st := r.open(); st != nil {
				return malformed("a step without an end")
			}
			return nil
		case frameStep:
			err = r.begin(payload)
		case frameRun:
			err = r.run(payload)
		case frameBlock:
			err = r.block(payload)
		case frameStepEnd:
			err = r.end(payload)
		default:
			err = malformed("a frame of kind %q among steps", kind)
		}
		if err != nil {
			return err
		}
		if r.progress != nil {
			r.progress()
		}
	}
}

// open returns the step that has no end yet.
func (r *receiver) open() *step {
	if n := len(r.s.steps); n > 0 && !r.s.steps[n-1].done {
		return r.s.steps[n-1]
	}
	return nil
}

func (r *receiver) begin(payload []byte) error {
	if r.open() != nil {
		return malformed("a step within another")
	}
	if err := r.r.m.addCommit(); err != nil {
		return err
	}
	st, err := parseStep(payload)
	if err == nil {
		r.s.steps = append(r.s.steps, st)
	}
	return err
}

func (r *receiver) run(payload []byte) error {
	st := r.open()
	if st == nil {
		return malformed("entries outside of a step")
	}
	last, _, err := checkRun(payload, st.last, r.r.m.addEdit)
	if err != nil {
		return err
	}
	x, err := r.s.put(payload)
	if err != nil {
		return err
	}
	st.runs, st.last = append(st.runs, x), last
	return nil
}

// block takes a block that is what its name says.
func (r *receiver) block(payload []byte) error {
	n, c, err := cid.CidFromBytes(payload)
	if err != nil || n > codec.MaxLink {
		return malformed("the CID of a block")
	}
	b := payload[n:]
	if err := r.r.m.addBlock(len(b)); err != nil {
		return err
	}
	if err := verifyBlock(c, b); err != nil {
		return err
	}
	if r.s.has(c) {
		return nil
	}
	x, err := r.s.put(b)
	if err == nil {
		r.s.blocks[string(c.Hash())] = x
	}
	return err
}

// verifyBlock tells whether b is what c names.
func verifyBlock(c cid.Cid, b []byte) error {
	d, err := mh.Decode(c.Hash())
	if err != nil {
		return malformed("block %v: %v", c, err)
	}
	if d.Code == mh.SHA2_256 && d.Length == codec.HashSize {
		if sum := codec.Sum(b); !bytes.Equal(sum[:], d.Digest) {
			return malformed("block %v has another hash", c)
		}
		return nil
	}
	sum, err := mh.Sum(b, d.Code, d.Length)
	if err != nil {
		return malformed("block %v: %v", c, err)
	}
	if !bytes.Equal(sum, c.Hash()) {
		return malformed("block %v has another hash", c)
	}
	return nil
}

func (r *receiver) end(payload []byte) error {
	st := r.open()
	if st == nil || len(payload) > 0 {
		return malformed("the end of no step")
	}
	st.done = true
	return nil
}
