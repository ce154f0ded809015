package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// blob runs f, which verifies what a name stands for, unless it was found to be right
// before. It tells whether it is; what is wrong is reported once for each branch
// and key.
func (c *check) blob(name cid.Cid, size uint64, f func() error) (right bool, err error) {
	var key [8]byte
	binary.LittleEndian.PutUint64(key[:], size)
	h := codec.Sum(append(key[:], name.Bytes()...))
	if c.seen.blobs.has(h) {
		return true, nil
	}
	if c.stats.Blobs++; c.stats.Blobs%64 == 0 {
		c.tell()
	}
	err, known := c.seen.badBlobs[h]
	if !known {
		err = f()
	}
	switch {
	case err == nil:
		c.seen.blobs.add(h)
		return true, nil
	case c.e.closed.Load() || c.ctx.Err() != nil:
		return false, err
	case !known && len(c.seen.badBlobs) < checkedDamaged:
		c.seen.badBlobs[h] = err
	}
	if c.seen.tell("blob", name.KeyString(), c.branch, string(c.from)) {
		return false, nil
	}
	return false, c.found(ProblemBlob, name, err)
}

// link checks the block that a caller's link names, if it is here and its hash
// function is known.
func (c *check) link(name cid.Cid) (right bool, err error) {
	return c.blob(name, 0, func() error {
		_, err := c.e.ReadBlock(c.ctx, name)
		if errors.Is(err, ErrMissing) || errors.Is(err, ErrHash) {
			return nil
		}
		return err
	})
}

// value checks the blocks of an out-of-line value of size bytes.
func (c *check) value(name cid.Cid, size uint64) (right bool, err error) {
	return c.blob(name, size, func() error {
		b, err := c.e.nodes.readBlob(c.ctx, name)
		if err == nil {
			err = verify(name, b)
		}
		if err == nil && name.Type() == cid.DagCBOR {
			return c.chunks(b, size)
		}
		if err == nil && uint64(len(b)) != size {
			err = fmt.Errorf("%w: %d bytes instead of %d", ErrCorrupt, len(b), size)
		}
		return err
	})
}

// errBelow says that a chunk is damaged, as reported.
var errBelow = fmt.Errorf("%w: a chunk of it", ErrCorrupt)

func (c *check) chunks(block []byte, size uint64) error {
	l, err := codec.ParseChunkList(block)
	if err == nil && l.Total != size {
		err = fmt.Errorf("%w: a list of %d bytes instead of %d", ErrCorrupt, l.Total, size)
	}
	if err != nil {
		return err
	}
	below := error(nil)
	for i, x := range l.Links {
		right, err := c.value(x, l.Lengths[i])
		if err != nil {
			return err
		}
		if !right {
			below = errBelow
		}
	}
	return below
}
