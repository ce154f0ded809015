package sync

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Media types of a trustless gateway.
const (
	typeRaw = "application/vnd.ipld.raw"
	typeCAR = "application/vnd.ipld.car"
)

// gateway serves GET and HEAD of /ipfs/{cid} as a trustless gateway does: one
// block, or a CARv1 with the block and all below it (dag-scope=all) or it alone
// (dag-scope=block), depth first. A commit's parents are not below it. There are
// no paths below a CID: what is in a block is the client's to find.
func (c *call) gateway() error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		c.w.Header().Set("Allow", "GET, HEAD")
		return c.plain(http.StatusMethodNotAllowed, "protocol", "method not allowed")
	}
	name, err := cid.Decode(strings.TrimPrefix(c.r.URL.Path, pathIPFS))
	if err != nil || name.ByteLen() > codec.MaxLink {
		return c.plain(http.StatusBadRequest, "protocol", "not a CID")
	}
	if err := c.allow(OpRead, name); err != nil {
		return err
	}
	switch format := c.format(); format {
	case typeRaw:
		return c.rawBlock(name)
	case typeCAR:
		return c.car(name)
	}
	return c.plain(http.StatusNotAcceptable, "protocol", "only "+typeRaw+" and "+typeCAR+" are served")
}

// format is what the client accepts: by the query, or else by the header.
func (c *call) format() string {
	switch c.r.URL.Query().Get("format") {
	case "raw":
		return typeRaw
	case "car":
		return typeCAR
	}
	for _, accept := range c.r.Header.Values("Accept") {
		for _, one := range strings.Split(accept, ",") {
			kind, params, _ := strings.Cut(strings.TrimSpace(one), ";")
			switch strings.TrimSpace(kind) {
			case typeRaw:
				return typeRaw
			case typeCAR:
				if strings.Contains(params, "version=2") {
					continue
				}
				return typeCAR
			}
		}
	}
	return ""
}

func (c *call) immutable(name cid.Cid, kind, suffix string) {
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=29030400, immutable")
	h.Set("Etag", `"`+name.String()+suffix+`"`)
	h.Set("Content-Disposition", `attachment; filename="`+name.String()+suffix+`"`)
}

func (c *call) rawBlock(name cid.Cid) error {
	b, err := c.h.e.ReadBlock(c.ctx, name)
	if errors.Is(err, engine.ErrHash) {
		return engine.ErrMissing
	}
	if err != nil {
		return err
	}
	c.immutable(name, typeRaw, ".bin")
	c.deadline()
	c.began = true
	_, err = io.Copy(c.w, strings.NewReader(string(b)))
	return err
}

// car serves a CAR.
func (c *call) car(name cid.Cid) error {
	scope := c.r.URL.Query().Get("dag-scope")
	if scope != "" && scope != "all" && scope != "block" && scope != "entity" {
		return c.plain(http.StatusBadRequest, "protocol", "unknown dag-scope")
	}
	root, err := c.h.e.ReadBlock(c.ctx, name)
	if errors.Is(err, engine.ErrHash) {
		return engine.ErrMissing
	}
	if err != nil {
		return err
	}
	c.immutable(name, typeCAR+"; version=1; order=dfs; dups=n", ".car")
	if c.r.Method == http.MethodHead {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	w := &carWriter{w: &answerWriter{c}, e: c.h.e, sent: map[string]struct{}{}}
	if err := w.header(name); err != nil {
		return err
	}
	if scope == "block" || scope == "entity" {
		return w.section(name, root)
	}
	return w.dag(c.ctx, name, root)
}

// carWriter writes a CARv1.
type carWriter struct {
	w    io.Writer
	e    *engine.Engine
	sent map[string]struct{} // by multihash
}

// header writes {"roots": [root], "version": 1} in DAG-CBOR.
func (w *carWriter) header(root cid.Cid) error {
	b := append([]byte{0xa2, 0x65}, "roots"...)
	b = append(b, 0x81, 0xd8, 42)
	if n := byte(root.ByteLen() + 1); n < 24 {
		b = append(b, 0x40|n, 0)
	} else {
		b = append(b, 0x58, n, 0)
	}
	b = append(append(b, root.Bytes()...), 0x67)
	b = append(append(b, "version"...), 1)
	_, err := w.w.Write(appendBytes(nil, b))
	return err
}

// section writes a block, once.
func (w *carWriter) section(c cid.Cid, b []byte) error {
	if _, ok := w.sent[string(c.Hash())]; ok || isIdentity(c) {
		return nil
	}
	if len(w.sent) < maxSent {
		w.sent[string(c.Hash())] = struct{}{}
	}
	head := binary.AppendUvarint(nil, uint64(c.ByteLen()+len(b)))
	_, err := w.w.Write(append(append(head, c.Bytes()...), b...))
	return err
}

// dag writes a block and what is below it: the tree of a commit or a node, the
// chunks of a value. Other blocks, those of links among them, stand alone.
func (w *carWriter) dag(ctx context.Context, c cid.Cid, block []byte) error {
	if err := w.section(c, block); err != nil || c.Type() != cid.DagCBOR {
		return err
	}
	if n, err := codec.ParseNode(block); err == nil {
		h, err := codec.HashOf(c)
		if err != nil {
			return nil
		}
		t, err := prolly.LoadAt(ctx, w.e.Nodes(), prolly.Addr{Hash: h})
		if err != nil || n.Len() == 0 {
			return err
		}
		return w.tree(ctx, t)
	}
	if commit, err := codec.ParseCommit(block); err == nil {
		b, err := w.e.ReadBlock(ctx, commit.Root)
		if err != nil {
			return err
		}
		return w.dag(ctx, commit.Root, b)
	}
	if _, err := codec.ParseChunkList(block); err == nil {
		return w.value(ctx, c)
	}
	return nil
}

func (w *carWriter) tree(ctx context.Context, t prolly.Tree) error {
	return t.Walk(ctx, func(a prolly.Addr, n *prolly.Node) error {
		if err := w.section(a.Hash.CID(), n.Block()); err != nil || n.Level() > 0 || !n.HasOutOfLine() {
			return err
		}
		for i := range n.Len() {
			if n.Kind(i) == codec.Inline {
				continue
			}
			_, c, err := cid.CidFromBytes(n.Link(i))
			if err != nil {
				return err
			}
			if err := w.outOfLine(ctx, c, n.Kind(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *carWriter) outOfLine(ctx context.Context, c cid.Cid, kind codec.Kind) error {
	if kind == codec.Blob {
		return w.value(ctx, c)
	}
	b, err := w.e.ReadBlock(ctx, c)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrHash) {
		return nil // a link's block need not be here
	}
	if err != nil {
		return err
	}
	return w.section(c, b)
}

func (w *carWriter) value(ctx context.Context, c cid.Cid) error {
	return valueLinks(ctx, c, DefaultBudget.Depth, w.e.ReadBlock, map[string]struct{}{}, func(c cid.Cid) error {
		b, err := w.e.ReadBlock(ctx, c)
		if err != nil {
			return err
		}
		return w.section(c, b)
	})
}
