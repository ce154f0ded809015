package main

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func newRootOf(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "root [REF]",
		Short: "Print the root of a version",
		Long: `root prints the CID of the root node: the identity of a version's content. Equal
content has an equal root, whatever its history. Without a REF it is that of the
last commit of the branch; a branch without commits and entries has the root of
the empty tree. What is only staged has no root yet.`,
		Example: `  prollyctl root
  prollyctl root main~1
  prollyctl root -o json`,
		Args:              wantArgs(0, 1),
		ValidArgsFunction: a.completeRefs,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return a.reading(ctx, func(s *session) error {
				r, err := s.committed(ctx, optional(args, 0))
				if err != nil {
					return err
				}
				info, err := s.rootInfo(ctx, r)
				if err != nil {
					return err
				}
				return a.print(info, func(w io.Writer) { fmt.Fprintln(w, info.Root) })
			})
		},
	}
}

// rootInfo is a version as JSON.
type rootInfo struct {
	Root    cid.Cid `json:"root"`
	Commit  cid.Cid `json:"commit"` // null when there is none
	Branch  *string `json:"branch"` // null when the REF is no branch
	Entries uint64  `json:"entries"`
	Bytes   uint64  `json:"bytes"` // of keys and values
	Height  int     `json:"height"`
}

func (s *session) rootInfo(ctx context.Context, r engine.Resolved) (rootInfo, error) {
	snap, err := s.e.Tree(ctx, r.Root)
	if err != nil {
		return rootInfo{}, err
	}
	t := snap.Tree()
	info := rootInfo{Root: r.Root, Entries: t.Len(), Bytes: t.Bytes(), Height: t.Height()}
	if r.Commit != nil {
		info.Commit = r.Commit.CID
	}
	if r.Branch != "" {
		info.Branch = &r.Branch
	}
	return info, snap.Close()
}
