package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func newShow(a *app) *cobra.Command {
	var raw bool
	c := &cobra.Command{
		Use:   "show CID|REF",
		Short: "Show what is in a block",
		Long: `show reads one block, verifies it against its CID, and prints what it is: a node
with its keys and what stands behind them, a commit, a list of chunks, a blob.
Of a REF it shows the commit, or else the root. With --raw it writes the block's
bytes. The exit status is 1 when there is no such block in the store.`,
		Example: `  prollyctl show main
  prollyctl show $(prollyctl root)
  prollyctl show bafyreiggt3tmb5s7rls7z2lmdtluypmwlbssolx52nejb2easdridoycgi -o json
  prollyctl show --raw main | sha256sum`,
		Args:              wantArgs(1, 1),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.show(c.Context(), args[0], raw) },
	}
	c.Flags().BoolVar(&raw, "raw", false, "write the bytes of the block")
	return c
}

func (a *app) show(ctx context.Context, arg string, raw bool) error {
	return a.reading(ctx, func(s *session) error {
		c, err := s.named(ctx, arg)
		if err != nil {
			return err
		}
		block, err := s.e.ReadBlock(ctx, c)
		switch {
		case errors.Is(err, engine.ErrMissing) && c == codec.EmptyRoot.CID():
			block = codec.EmptyLeaf() // which no store needs to hold
		case errors.Is(err, engine.ErrMissing):
			return notFoundError{"block " + c.String()}
		case err != nil:
			return err
		}
		if raw {
			_, err := a.stdout.Write(block)
			return err
		}
		shown := decode(c, block)
		return a.print(shown, shown.write)
	})
}

// named returns the CID that an argument is, or that a REF stands for.
func (s *session) named(ctx context.Context, arg string) (cid.Cid, error) {
	if c, err := cid.Decode(unlink(arg)); err == nil {
		return c, nil
	}
	r, err := s.resolve(ctx, arg)
	if err != nil {
		return cid.Undef, err
	}
	if r.Commit != nil {
		return r.Commit.CID, nil
	}
	return r.Root, nil
}

// shown is a decoded block.
type shown interface{ write(w io.Writer) }

// decode finds out what a block is.
func decode(c cid.Cid, block []byte) shown {
	head := blockInfo{CID: c, Size: len(block)}
	if c.Type() == cid.Raw {
		head.Kind = "blob"
		return blobInfo{head, block[:min(len(block), shownBlob)]}
	}
	if n, err := codec.ParseNode(block); err == nil {
		return newShownNode(head, &n)
	}
	if d, err := codec.ParseCommit(block); err == nil {
		head.Kind = "commit"
		return shownCommit{head, newLogInfo(engine.Commit{CID: c, Commit: d})}
	}
	if l, err := codec.ParseChunkList(block); err == nil {
		head.Kind = "chunks"
		return chunksInfo{head, l.Total, newChunks(l)}
	}
	head.Kind = "block"
	return blobInfo{head, block[:min(len(block), shownBlob)]}
}

// blockInfo is what every block has, as JSON.
type blockInfo struct {
	Kind string  `json:"kind"` // leaf, inner, commit, chunks, blob, block
	CID  cid.Cid `json:"cid"`
	Size int     `json:"size"` // of the block, in bytes
}

func (b blockInfo) title(w io.Writer, what string) {
	fmt.Fprintf(w, "%s, %s\n%v\n", what, many(b.Size, "byte", "bytes"), b.CID)
}

// blobInfo is a blob, or a block of a kind that is not known here.
type blobInfo struct {
	blockInfo
	Head djson.Bytes `json:"head"` // its first bytes
}

// shownBlob is how many bytes of a blob are shown.
const shownBlob = 256

func (b blobInfo) write(w io.Writer) {
	what := "a blob: a value, or a piece of one"
	if b.Kind == "block" {
		what = "a block of another program"
	}
	b.title(w, what)
	more := ""
	if len(b.Head) < b.Size {
		more = "…"
	}
	fmt.Fprintf(w, "%s%s\n", plain.Bytes(b.Head), more)
}

// shownCommit is a commit.
type shownCommit struct {
	blockInfo
	logInfo
}

func (c shownCommit) write(w io.Writer) {
	c.title(w, fmt.Sprintf("a commit, #%d", c.Seq))
	fmt.Fprintf(w, "root    %v\n", c.Root)
	for _, p := range c.Parents {
		fmt.Fprintf(w, "parent  %v\n", p)
	}
	fmt.Fprintf(w, "time    %s\n", when(c.Time))
	if len(c.Message) > 0 {
		fmt.Fprintf(w, "message %s\n", plain.Bytes(c.Message))
	}
	for k, v := range c.Meta {
		fmt.Fprintf(w, "meta    %s: %s\n", plain.String(k), plain.Bytes(v))
	}
}

// chunksInfo is a list of the pieces of a long value.
type chunksInfo struct {
	blockInfo
	Total  uint64      `json:"total"` // length of the value
	Chunks []chunkInfo `json:"chunks"`
}

type chunkInfo struct {
	CID    cid.Cid `json:"cid"`
	Length uint64  `json:"length"`
}

func newChunks(l codec.ChunkList) []chunkInfo {
	list := make([]chunkInfo, len(l.Links))
	for i := range list {
		list[i] = chunkInfo{l.Links[i], l.Lengths[i]}
	}
	return list
}

func (l chunksInfo) write(w io.Writer) {
	l.title(w, fmt.Sprintf("the %s of a value of %s", many(len(l.Chunks), "chunk", "chunks"), many(l.Total, "byte", "bytes")))
	for _, c := range l.Chunks {
		fmt.Fprintf(w, "  %v  %s\n", c.CID, count(c.Length))
	}
}
