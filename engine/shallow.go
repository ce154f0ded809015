package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// shallowPrefix begins the ref of a commit below which the history was cut off.
// Its record is │ version 1 │ cut 2 LE │ CRC-32C 4 LE │. Bit i of cut says that
// parent i does not count any more, be it here or not; without cut, which is then left
// out, the parents need not be here.
const shallowPrefix = "s/"

// MarkShallow says that the parents of commit c need not be here: the history
// was cut off below it on purpose. Whoever walks the history ends there instead
// of reporting ErrMissing; parents that are here nevertheless are walked. It is
// durable when it returns, and marks nothing twice.
func (e *Engine) MarkShallow(ctx context.Context, c cid.Cid) error {
	inside, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	return e.markShallow(ctx, c)
}

// markShallow is MarkShallow for those who have entered the world.
func (e *Engine) markShallow(ctx context.Context, c cid.Cid) error {
	if _, err := codec.HashOf(c); err != nil {
		return fmt.Errorf("%w: %w", ErrNoCommit, err)
	}
	if raw, err := e.readRef(ctx, shallowPrefix+c.String()); raw != nil || err != nil {
		return err
	}
	return e.swapRef(ctx, shallowPrefix+c.String(), nil, encodeShallow(0))
}

// IsShallow tells whether commit c was marked.
func (e *Engine) IsShallow(ctx context.Context, c cid.Cid) (bool, error) {
	if err := e.ready(ctx); err != nil {
		return false, err
	}
	yes, _, err := e.shallow(ctx, c)
	return yes, err
}

// shallow returns the mark of a commit, if it has one.
func (e *Engine) shallow(ctx context.Context, c cid.Cid) (marked bool, cut uint16, err error) {
	raw, err := e.readRef(ctx, shallowPrefix+c.String())
	if err != nil || raw == nil {
		return false, 0, err
	}
	cut, err = readShallow(raw)
	return true, cut, err
}

func encodeShallow(cut uint16) []byte {
	b := []byte{refV1}
	if cut != 0 {
		b = binary.LittleEndian.AppendUint16(b, cut)
	}
	return appendCRC(b)
}

func readShallow(raw []byte) (cut uint16, err error) {
	body, err := openRef(raw)
	if err == nil && len(body) == 3 {
		if cut = binary.LittleEndian.Uint16(body[1:]); cut != 0 {
			return cut, nil
		}
	}
	if err == nil && len(body) != 1 {
		err = fmt.Errorf("%w: mark of a cut in the history of the wrong shape", ErrCorrupt)
	}
	return 0, err
}

func parseShallow(raw []byte) error {
	_, err := readShallow(raw)
	return err
}

// Parents reads the parents of c that the history goes on with: all of them,
// but for those that Retain cut off, and, when c was marked by MarkShallow, those that
// are not here. ErrMissing when another is not here.
func (e *Engine) Parents(ctx context.Context, c Commit) ([]Commit, error) {
	if len(c.Parents) == 0 {
		return nil, nil
	}
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	marked, cut, err := e.shallow(ctx, c.CID)
	if err != nil {
		return nil, err
	}
	var out []Commit
	for i, name := range c.Parents {
		if cut&(1<<i) != 0 {
			continue
		}
		p, err := e.ReadCommit(ctx, name)
		if marked && errors.Is(err, ErrMissing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Shallow tells whether any history of the store was cut off.
func (e *Engine) Shallow(ctx context.Context) (bool, error) {
	if err := e.ready(ctx); err != nil {
		return false, err
	}
	for _, err := range e.store.ListRefs(ctx, shallowPrefix) {
		if err != nil {
			return false, storeError("list refs", err)
		}
		return true, nil
	}
	return false, nil
}
