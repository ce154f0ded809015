package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

type branchOptions struct{ remove, move, force bool }

func newBranch(a *app) *cobra.Command {
	var o branchOptions
	c := &cobra.Command{
		Use:   "branch [NAME] [REF]",
		Short: "List, make, delete or rename branches",
		Long: `branch lists the branches. With a NAME it makes one at a REF, or without a REF
where the branch of --branch is: at its last commit. With -d it deletes one, with
-m it gives one another name, with what is staged on it. It deletes no branch with
writes that are not committed, unless --force is given.`,
		Example: `  prollyctl branch
  prollyctl branch draft
  prollyctl branch fix main~3
  prollyctl --branch draft put title "a draft"
  prollyctl branch -m draft done
  prollyctl branch -d done`,
		Args:              wantArgs(0, 2),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.branches(c.Context(), args, o) },
	}
	c.Flags().BoolVarP(&o.remove, "delete", "d", false, "delete the branch NAME")
	c.Flags().BoolVarP(&o.move, "move", "m", false, "rename the branch: -m OLD NEW")
	c.Flags().BoolVarP(&o.force, "force", "f", false, "with -d: also when writes are not committed")
	c.MarkFlagsMutuallyExclusive("delete", "move")
	return c
}

func (a *app) branches(ctx context.Context, args []string, o branchOptions) error {
	switch {
	case o.remove && len(args) != 1:
		return usagef("-d takes one NAME")
	case o.move && len(args) != 2:
		return usagef("-m takes two names, OLD and NEW")
	case o.force && !o.remove:
		return usagef("--force goes with -d")
	case len(args) == 0:
		return a.reading(ctx, func(s *session) error { return s.listBranches(ctx) })
	}
	return a.writing(ctx, func(s *session) error {
		switch {
		case o.remove:
			return s.deleteBranch(ctx, args[0], o.force)
		case o.move:
			return s.renameBranch(ctx, args[0], args[1])
		}
		return s.makeBranch(ctx, args[0], optional(args, 1))
	})
}

// branchInfo is a branch as JSON.
type branchInfo struct {
	Branch  string  `json:"branch"`
	Commit  cid.Cid `json:"commit"` // null when there is none
	Seq     uint64  `json:"seq"`
	Root    cid.Cid `json:"root"`
	Entries uint64  `json:"entries"`
	Staged  int     `json:"staged"`
}

func (s *session) listBranches(ctx context.Context) error {
	all, err := s.e.Branches(ctx)
	if err != nil {
		return err
	}
	list := make([]branchInfo, len(all))
	for i, b := range all {
		list[i] = branchInfo{b.Name, b.Commit, b.Seq, b.Root, b.Entries, b.Staged}
	}
	return printList(s.app, list, func(w io.Writer, b branchInfo) {
		mark, commit, staged := " ", "no commit", ""
		if b.Branch == s.branch {
			mark = "*"
		}
		if b.Commit.Defined() {
			commit = b.Commit.String()
		}
		if b.Staged > 0 {
			staged = "\t" + many(b.Staged, "write", "writes") + " staged"
		}
		fmt.Fprintf(w, "%s %s\t#%d\t%s\t%s%s\n", mark, plain.String(b.Branch), b.Seq, commit, many(b.Entries, "entry", "entries"), staged)
	})
}

// makeBranch makes a branch at what ref names.
func (s *session) makeBranch(ctx context.Context, name, ref string) error {
	r, err := s.committed(ctx, ref)
	if err != nil {
		return err
	}
	at := r.Root
	if r.Commit != nil {
		at = r.Commit.CID
	}
	if _, err := s.e.CreateBranch(ctx, name, at); err != nil {
		return err
	}
	r.Branch = name
	info, err := s.rootInfo(ctx, r)
	if err != nil {
		return err
	}
	return s.print(info, func(w io.Writer) { fmt.Fprintf(w, "made branch %s at %v\n", plain.String(name), at) })
}

// errUncommitted: a branch has what would be lost with it.
var errUncommitted = errors.New("it has writes that are not committed: commit them first")

func (s *session) deleteBranch(ctx context.Context, name string, force bool) error {
	b, err := s.e.Lookup(ctx, name)
	if err != nil {
		return err
	}
	head, clean, err := s.clean(ctx, b)
	if err != nil {
		return err
	}
	if !clean && !force {
		return fmt.Errorf("branch %q: %w, or use --force", name, errUncommitted)
	}
	if err := s.e.DeleteBranch(ctx, name); err != nil {
		return err
	}
	return s.print(map[string]any{"deleted": name, "commit": head}, func(w io.Writer) {
		was := ""
		if head.Defined() {
			was = " (was " + head.String() + ")"
		}
		fmt.Fprintf(w, "deleted branch %s%s\n", plain.String(name), was)
	})
}

// clean returns the last commit of a branch, if there is one, and tells whether
// the branch holds nothing else.
func (s *session) clean(ctx context.Context, b *engine.Branch) (head cid.Cid, clean bool, err error) {
	want := engine.Resolved{}
	r, err := s.resolve(ctx, b.Name())
	if err != nil {
		return head, false, err
	}
	if r.Commit != nil {
		want, head = r, r.Commit.CID
	}
	snap, err := b.Snapshot(ctx)
	if err != nil {
		return head, false, err
	}
	clean = snap.Side().Len() == 0 && (snap.Root() == want.Root || !head.Defined() && snap.Tree().Len() == 0)
	return head, clean, snap.Close()
}

func (s *session) renameBranch(ctx context.Context, from, to string) error {
	b, err := s.e.RenameBranch(ctx, from, to)
	if err != nil {
		return err
	}
	var head cid.Cid
	c, err := b.Head(ctx)
	if err == nil {
		head = c.CID
	} else if !errors.Is(err, engine.ErrNoCommit) {
		return err
	}
	return s.print(map[string]any{"branch": to, "was": from, "commit": head}, func(w io.Writer) {
		fmt.Fprintf(w, "branch %s is now %s\n", plain.String(from), plain.String(to))
	})
}
