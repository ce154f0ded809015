package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/car"
)

type importOptions struct {
	commitOption
	replace, shallow bool
	maxBlock         int
}

func newImport(a *app) *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Take a version from a CAR file",
		Long: `import takes a version from a file that export wrote, or with - from standard
input, and moves the branch to it. Every block is verified, and every tree compared
with the one that its entries make, before the branch moves; what the file leaves
out must be in the store. A file of any size is read once, in bounded memory.

The branch moves forward only: it must hold nothing that is not committed, and
the commit in the file must descend from its last one. Into another branch
(--branch NAME) goes what does not follow, to be compared or merged. A tree without
a commit goes into an empty branch and is committed, or with --replace takes the
place of what is there. See load --format car for adding its entries.`,
		Example: `  prollyctl import backup.car
  prollyctl import theirs.car --branch theirs && prollyctl diff main theirs
  prollyctl import head.car --shallow                # made with --depth
  prollyctl --store old export main | prollyctl --store new import -`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.importCAR(c.Context(), args[0], o) },
	}
	o.commitOption.register(c)
	c.Flags().BoolVar(&o.replace, "replace", false, "a tree without a commit takes the place of what the branch holds")
	c.Flags().BoolVar(&o.shallow, "shallow", false, "accept a history that is cut off")
	c.Flags().IntVar(&o.maxBlock, "max-block", 8<<20, "bytes that one block may have")
	return c
}

// importInfo is what was imported, and where the branch is, as JSON.
type importInfo struct {
	rootInfo
	Moved bool    `json:"moved"`
	File  carInfo `json:"file"`
}

func (a *app) importCAR(ctx context.Context, file string, o importOptions) error {
	if o.maxBlock <= 0 {
		return usagef("--max-block must be positive")
	}
	in, length, err := a.input(file)
	if err != nil {
		return err
	}
	defer in.Close() // it was only read
	limitMemory()
	return a.writing(ctx, func(s *session) error {
		return s.onto(ctx, func(b *engine.Branch) error { return s.importFrom(ctx, b, in, length, file, o) })
	})
}

func (s *session) importFrom(ctx context.Context, b *engine.Branch, in io.Reader, length int64, file string, o importOptions) error {
	opts := car.ImportOptions{Shallow: o.shallow, Replace: o.replace, MaxBlock: o.maxBlock}
	if !o.stage {
		opts.Commit = &engine.CommitOptions{Message: o.message}
	}
	p := s.progress(file, length)
	opts.Progress = p.blocks
	r, err := car.Import(ctx, b, p.reader(in), opts)
	p.end()
	if err != nil {
		return importError(file, err)
	}
	resolved := engine.Resolved{Root: r.Tree, Commit: r.Head, Branch: b.Name()}
	root, err := s.rootInfo(ctx, resolved)
	if err != nil {
		return err
	}
	return s.print(importInfo{root, r.Moved, newCarInfo(r.Stats)}, func(w io.Writer) {
		fmt.Fprintf(w, "imported %v\n", newCarInfo(r.Stats))
		if !r.Moved {
			fmt.Fprintf(w, "%s has it already\n", plain.String(b.Name()))
			return
		}
		fmt.Fprintf(w, "%s  %v  %s\n", plain.String(b.Name()), nameOf(resolved), many(root.Entries, "entry", "entries"))
	})
}

// importError names the file, and what to do.
func importError(file string, err error) error {
	err = fmt.Errorf("%s: %w", file, err)
	switch {
	case errors.Is(err, engine.ErrConflict):
		return hintedError{err, "To look at it: import it into another branch, with --branch NAME."}
	case errors.Is(err, car.ErrHistory):
		return hintedError{err, "To accept that, as after export --depth: --shallow."}
	}
	return err
}
