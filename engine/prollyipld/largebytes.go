package prollyipld

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/node/mixins"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// largeBytes is a value out of line.
type largeBytes struct {
	mixins.Bytes
	ctx  context.Context
	tree prolly.Tree
	v    prolly.Value
}

var _ datamodel.LargeBytesNode = (*largeBytes)(nil)

// AsBytes reads the whole value into memory.
func (b *largeBytes) AsBytes() ([]byte, error) {
	r, err := b.open()
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("prollyipld: %w", err)
	}
	return all, nil
}

// AsLargeBytes reads the value piece by piece. What it returns needs no closing.
func (b *largeBytes) AsLargeBytes() (io.ReadSeeker, error) { return b.open() }

func (b *largeBytes) open() (io.ReadSeekCloser, error) { return b.tree.OpenValue(b.ctx, b.v) }

// Prototype implements datamodel.Node.
func (b *largeBytes) Prototype() datamodel.NodePrototype { return basicnode.Prototype.Bytes }
