package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/car"
)

type exportOptions struct {
	without []string
	depth   int
	tree    bool
}

func newExport(a *app) *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use:   "export REF [FILE|-]",
		Short: "Write a version to a CAR file",
		Long: `export writes a version to a file, or without one to standard output: its commit
with all of its history, the trees, large values, and those blocks that links
name, if the store has them. With --without what another version has is left
out: import finds it in a store that has that version. A tag, branch or commit
stands for a commit; --tree, and the CID of a root, leave the history out.

The file is a CARv1 that other tools read, in the order of a depth-first walk: the
same version gives the same file.`,
		Example: `  prollyctl export main backup.car
  prollyctl export main new.car --without main~5     # five commits
  prollyctl export main head.car --depth 1           # the last commit alone
  prollyctl export main --tree | ssh host prollyctl import -`,
		Args:              wantArgs(1, 2),
		ValidArgsFunction: a.completeRefs,
		RunE: func(c *cobra.Command, args []string) error {
			return a.export(c.Context(), args[0], optional(args, 1), o)
		},
	}
	c.Flags().StringArrayVar(&o.without, "without", nil, "leave out what this REF has; may be given again")
	c.Flags().IntVar(&o.depth, "depth", 0, "take so many generations of commits; 0: all")
	c.Flags().BoolVar(&o.tree, "tree", false, "the tree alone, without commits")
	must(c.RegisterFlagCompletionFunc("without", a.completeRefs))
	return c
}

// carInfo is what a CAR file holds, as JSON.
type carInfo struct {
	Root    cid.Cid `json:"root"`
	Commits uint64  `json:"commits"`
	Nodes   uint64  `json:"nodes"`
	Blobs   uint64  `json:"blobs"`   // of large values
	Linked  uint64  `json:"linked"`  // blocks that links name
	Missing uint64  `json:"missing"` // and those of them that are not in the store
	Bytes   uint64  `json:"bytes"`
}

func newCarInfo(s car.Stats) carInfo {
	return carInfo{s.Root, s.Commits, s.Nodes, s.Blobs, s.Linked, s.Missing, s.Bytes}
}

func (i carInfo) String() string {
	s := fmt.Sprintf("%s, %s, %s", many(i.Commits, "commit", "commits"), many(i.Nodes, "node", "nodes"), many(i.Blobs+i.Linked, "other block", "other blocks"))
	if i.Missing > 0 {
		s += fmt.Sprintf(" (%s not in the store)", many(i.Missing, "linked block is", "linked blocks are"))
	}
	return s + ", " + size(i.Bytes)
}

func (a *app) export(ctx context.Context, ref, file string, o exportOptions) error {
	if o.depth < 0 {
		return usagef("--depth must not be negative")
	}
	limitMemory()
	toStdout := file == "" || file == "-"
	if toStdout && a.outTTY {
		return usagef("a CAR file is not for a terminal: name a FILE")
	}
	return a.reading(ctx, func(s *session) error {
		name, eo, err := s.exported(ctx, ref, o)
		if err != nil {
			return err
		}
		if toStdout {
			_, err := s.exportTo(ctx, a.stdout, name, eo)
			return err
		}
		var info carInfo
		if err := replaceFile(file, func(w io.Writer) (err error) {
			info, err = s.exportTo(ctx, w, name, eo)
			return err
		}); err != nil {
			return err
		}
		return a.print(info, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %v: %v\n", plain.String(file), info.Root, info)
		})
	})
}

// exported finds out what is to be exported.
func (s *session) exported(ctx context.Context, ref string, o exportOptions) (cid.Cid, car.ExportOptions, error) {
	eo := car.ExportOptions{Depth: o.depth}
	for _, ref := range o.without {
		r, err := s.resolve(ctx, ref)
		if err != nil {
			return cid.Undef, eo, err
		}
		eo.Without = append(eo.Without, nameOf(r))
	}
	r, err := s.resolve(ctx, ref)
	if o.tree {
		r.Commit = nil
	}
	return nameOf(r), eo, err
}

// nameOf is the commit that a REF stands for, or else the root.
func nameOf(r engine.Resolved) cid.Cid {
	if r.Commit != nil {
		return r.Commit.CID
	}
	return r.Root
}

func (s *session) exportTo(ctx context.Context, w io.Writer, name cid.Cid, o car.ExportOptions) (carInfo, error) {
	p := s.progress("export", -1)
	o.Progress = p.blocks
	st, err := car.Export(ctx, s.e, p.writer(w), name, o)
	p.end()
	return newCarInfo(st), err
}

// replaceFile writes a file that is there only when it is whole.
func replaceFile(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	err = also(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = also(err, gone)
		}
	}
	return err
}
