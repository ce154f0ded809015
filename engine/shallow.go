package engine

import (
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// shallowPrefix begins the ref of a commit whose parents need not be here. Its
// record is │ version 1 │ CRC-32C 4 LE │.
const shallowPrefix = "s/"

// MarkShallow says that the parents of commit c need not be here: the history
// was cut off below it on purpose. Whoever walks the history ends there instead
// of reporting ErrMissing; parents that are here nevertheless are walked. It is
// durable when it returns, and marks nothing twice.
func (e *Engine) MarkShallow(ctx context.Context, c cid.Cid) error {
	if _, err := codec.HashOf(c); err != nil {
		return fmt.Errorf("%w: %w", ErrNoCommit, err)
	}
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.leave()
	if yes, err := e.shallow(ctx, c); yes || err != nil {
		return err
	}
	return e.swapRef(ctx, shallowPrefix+c.String(), nil, appendCRC([]byte{refV1}))
}

// IsShallow tells whether commit c was marked.
func (e *Engine) IsShallow(ctx context.Context, c cid.Cid) (bool, error) {
	if err := e.ready(ctx); err != nil {
		return false, err
	}
	return e.shallow(ctx, c)
}

func (e *Engine) shallow(ctx context.Context, c cid.Cid) (bool, error) {
	raw, err := e.readRef(ctx, shallowPrefix+c.String())
	if err != nil || raw == nil {
		return false, err
	}
	return true, parseShallow(raw)
}

func parseShallow(raw []byte) error {
	body, err := openRef(raw)
	if err == nil && len(body) != 1 {
		err = fmt.Errorf("%w: mark of a cut in the history of the wrong shape", ErrCorrupt)
	}
	return err
}

// Parents reads the parents of c: all of them, or those that are here when c
// was marked by MarkShallow. ErrMissing when another is not here.
func (e *Engine) Parents(ctx context.Context, c Commit) ([]Commit, error) {
	var out []Commit
	for _, name := range c.Parents {
		p, err := e.ReadCommit(ctx, name)
		if errors.Is(err, ErrMissing) {
			if cut, cutErr := e.IsShallow(ctx, c.CID); cut || cutErr != nil {
				if cutErr != nil {
					return nil, cutErr
				}
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
