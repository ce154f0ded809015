package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// resolveOption says how conflicts are decided.
type resolveOption struct{ how, suffix string }

var resolvers = []string{"fail", "ours", "theirs", "newest", "both"}

func (o *resolveOption) register(c *cobra.Command, hows []string) {
	c.Flags().StringVar(&o.how, "resolve", "fail", "decides conflicts: "+strings.Join(hows, ", "))
	c.Flags().StringVar(&o.suffix, "suffix", ".theirs", "with --resolve both: what is added to the key of the other value")
	must(c.RegisterFlagCompletionFunc("resolve", cobra.FixedCompletions(hows, cobra.ShellCompDirectiveNoFileComp)))
}

// resolver returns what the option names; newest when the times decide.
func (o *resolveOption) resolver(c *cobra.Command, hows []string) (r prolly.Resolver, newest bool, err error) {
	if c.Flags().Changed("suffix") && (o.how != "both" || o.suffix == "") {
		return nil, false, usagef("--suffix is some text, and goes with --resolve both")
	}
	for _, how := range hows {
		if how == o.how {
			return map[string]prolly.Resolver{
				"ours": prolly.Ours, "theirs": prolly.Theirs, "both": prolly.KeepBoth(o.suffix),
			}[how], how == "newest", nil
		}
	}
	return nil, false, usagef("--resolve %s: use one of %s", o.how, strings.Join(hows, ", "))
}

type mergeOptions struct {
	commitOption
	resolveOption
	base          string
	noFastForward bool
}

func newMerge(a *app) *cobra.Command {
	var o mergeOptions
	c := &cobra.Command{
		Use:   "merge FROM",
		Short: "Merge another version into the branch, and commit",
		Long: `merge brings what FROM, a REF, has changed since its history and the branch's
parted into the branch, and commits. Where the branch has nothing of its own it
is moved instead (fast-forward). What is staged on the branch takes part.

A key that both changed, each to something else, is a conflict. It ends the merge
with exit status 1 and nothing changed, unless --resolve decides: ours (the branch),
theirs (FROM), newest (of the two commits), both (ours under the key, theirs under
the key with --suffix). Histories with nothing in common are merged as if both
had begun empty. Where the common history was cut off, --base says what both
have changed.`,
		Example: `  prollyctl merge draft
  prollyctl merge draft --resolve theirs -m "the draft is right"
  prollyctl --branch draft merge main --resolve both --suffix .main
  prollyctl merge v2 --base v1 -o json`,
		Args:              wantArgs(1, 1),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.merge(c, args[0], o) },
	}
	o.commitOption.register(c)
	o.resolveOption.register(c, resolvers)
	c.Flags().StringVar(&o.base, "base", "", "merge over this REF instead of what the histories have in common")
	c.Flags().BoolVar(&o.noFastForward, "no-ff", false, "make a commit also where moving the branch would do")
	must(c.RegisterFlagCompletionFunc("base", a.completeRefs))
	return c
}

// mergeInfo is a merge as JSON.
type mergeInfo struct {
	commitInfo
	Outcome   string    `json:"outcome"`
	Bases     []cid.Cid `json:"bases"`
	Theirs    uint64    `json:"theirs"`    // keys looked at because theirs changed them
	Taken     uint64    `json:"taken"`     // of them, changed there only
	Same      uint64    `json:"same"`      // of them, changed alike
	Conflicts uint64    `json:"conflicts"` // of them, changed to something else
	Adopted   uint64    `json:"adopted"`   // nodes taken over with all below them
	NodesRead uint64    `json:"nodesRead"`
}

func (a *app) merge(c *cobra.Command, from string, o mergeOptions) error {
	ctx := c.Context()
	resolve, newest, err := o.resolver(c, resolvers)
	if err != nil {
		return err
	}
	if o.message == "" {
		o.message = "Merge " + from
	}
	return a.writing(ctx, func(s *session) error {
		return s.onto(ctx, func(b *engine.Branch) error {
			m, err := b.Merge(ctx, unlink(from), engine.MergeOptions{
				Resolve:       resolve,
				Newest:        newest,
				Base:          unlink(o.base),
				NoFastForward: o.noFastForward,
				NoCommit:      o.stage,
				Message:       o.message,
			})
			if err != nil {
				return err
			}
			return s.printMerge(ctx, b, m)
		})
	})
}

func (s *session) printMerge(ctx context.Context, b *engine.Branch, m engine.Merge) error {
	var c engine.Commit
	if m.Commit.Defined() {
		var err error
		if c, err = s.e.ReadCommit(ctx, m.Commit); err != nil {
			return err
		}
	}
	c.CID, c.Root = m.Commit, m.Root // with --stage another than the commit's
	commit, err := s.commitInfo(ctx, c, b.Name())
	if err != nil {
		return err
	}
	info := mergeInfo{commit, string(m.Outcome), append([]cid.Cid{}, m.Bases...),
		m.Stats.Theirs, m.Stats.Taken, m.Stats.Same, m.Stats.Conflicts, m.Stats.Adopted, m.Stats.NodesRead}
	return s.print(info, func(w io.Writer) {
		name := plain.String(b.Name())
		switch m.Outcome {
		case engine.Merged:
			fmt.Fprintf(w, "%s: %s taken over", name, many(info.Taken, "change", "changes"))
			if info.Adopted > 0 {
				fmt.Fprintf(w, " and %s unread", many(info.Adopted, "subtree", "subtrees"))
			}
			fmt.Fprintf(w, ", %s the same, %s decided\n", count(info.Same), many(info.Conflicts, "conflict", "conflicts"))
		default:
			fmt.Fprintf(w, "%s: %s\n", name, m.Outcome)
		}
		if info.Commit.Defined() {
			fmt.Fprintf(w, "%s #%d  %v  %s\n", name, c.Seq, c.CID, many(info.Entries, "entry", "entries"))
		}
	})
}
