package main

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
)

type tagOptions struct{ remove, force bool }

func newTag(a *app) *cobra.Command {
	var o tagOptions
	c := &cobra.Command{
		Use:   "tag [NAME] [REF]",
		Short: "List, set or delete tags",
		Long: `tag lists the tags. With a NAME it gives this name to a REF, or without a REF to
the last commit of the branch; garbage collection keeps what a tag names. A tag
that is there already is moved only with --force.`,
		Example: `  prollyctl tag v1
  prollyctl tag before-import main~1
  prollyctl diff v1 main
  prollyctl tag -d v1`,
		Args:              wantArgs(0, 2),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.tags(c.Context(), args, o) },
	}
	c.Flags().BoolVarP(&o.remove, "delete", "d", false, "delete the tag NAME")
	c.Flags().BoolVarP(&o.force, "force", "f", false, "move a tag that is there already")
	return c
}

// tagInfo is a tag as JSON.
type tagInfo struct {
	Tag string  `json:"tag"`
	CID cid.Cid `json:"cid"`
}

func (a *app) tags(ctx context.Context, args []string, o tagOptions) error {
	if o.remove && len(args) != 1 {
		return usagef("-d takes one NAME")
	}
	if len(args) == 0 {
		return a.reading(ctx, func(s *session) error { return s.listTags(ctx) })
	}
	return a.writing(ctx, func(s *session) error {
		if o.remove {
			return s.deleteTag(ctx, args[0])
		}
		return s.setTag(ctx, args[0], optional(args, 1), o.force)
	})
}

func (s *session) listTags(ctx context.Context) error {
	all, err := s.e.Tags(ctx)
	if err != nil {
		return err
	}
	list := make([]tagInfo, len(all))
	for i, t := range all {
		list[i] = tagInfo{t.Name, t.CID}
	}
	return printList(s.app, list, func(w io.Writer, t tagInfo) {
		fmt.Fprintf(w, "%s\t%v\n", plain.String(t.Tag), t.CID)
	})
}

// findTag returns what a tag names, cid.Undef when there is no such tag.
func (s *session) findTag(ctx context.Context, name string) (cid.Cid, error) {
	all, err := s.e.Tags(ctx)
	for _, t := range all {
		if t.Name == name {
			return t.CID, err
		}
	}
	return cid.Undef, err
}

func (s *session) setTag(ctx context.Context, name, ref string, force bool) error {
	was, err := s.findTag(ctx, name)
	if err != nil {
		return err
	}
	r, err := s.committed(ctx, ref)
	if err != nil {
		return err
	}
	c := r.Root
	if r.Commit != nil {
		c = r.Commit.CID
	}
	if was.Defined() && was != c && !force {
		return fmt.Errorf("tag %q is there already, at %v; --force moves it", name, was)
	}
	if err := s.e.Tag(ctx, name, c); err != nil {
		return err
	}
	return s.print(tagInfo{name, c}, func(w io.Writer) { fmt.Fprintf(w, "%s is %v\n", plain.String(name), c) })
}

func (s *session) deleteTag(ctx context.Context, name string) error {
	was, err := s.findTag(ctx, name)
	if err != nil {
		return err
	}
	if err := s.e.DeleteTag(ctx, name); err != nil {
		return err
	}
	return s.print(map[string]any{"deleted": name, "cid": was}, func(w io.Writer) {
		fmt.Fprintf(w, "deleted tag %s (was %v)\n", plain.String(name), was)
	})
}
