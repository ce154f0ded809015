package main

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// commitOption are the options of commands that write.
type commitOption struct {
	message string
	stage   bool
}

func (o *commitOption) register(c *cobra.Command) {
	c.Flags().StringVarP(&o.message, "message", "m", "", "message of the commit")
	c.Flags().BoolVar(&o.stage, "stage", false, "leave the writes staged, durably, for a later commit")
	c.MarkFlagsMutuallyExclusive("message", "stage")
}

func newCommit(a *app) *cobra.Command {
	var message string
	c := &cobra.Command{
		Use:   "commit",
		Short: "Commit what is staged",
		Long: `commit records the branch as it is now, with what is staged on it, in its
history. It does so also when nothing has changed since the last commit.`,
		Example: `  prollyctl put --stage a 1
  prollyctl put --stage b 2
  prollyctl commit -m "two entries in one step"`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return a.writing(ctx, func(s *session) error {
				b, err := s.e.Lookup(ctx, s.branch)
				if err != nil {
					return err
				}
				return s.commitNow(ctx, b, message, nil)
			})
		},
	}
	c.Flags().StringVarP(&message, "message", "m", "", "message of the commit")
	return c
}

// commitInfo is a commit as JSON.
type commitInfo struct {
	rootInfo
	Parents []cid.Cid   `json:"parents"`
	Seq     uint64      `json:"seq"`
	Time    int64       `json:"time"` // Unix milliseconds
	Message djson.Bytes `json:"message"`
	Loaded  *uint64     `json:"loaded,omitempty"`
}

// metaMessage is where a commit keeps its message.
const metaMessage = "message"

func (s *session) commitInfo(ctx context.Context, c engine.Commit, branch string) (commitInfo, error) {
	root, err := s.rootInfo(ctx, engine.Resolved{Root: c.Root, Commit: &c, Branch: branch})
	return commitInfo{
		rootInfo: root,
		Parents:  append([]cid.Cid{}, c.Parents...),
		Seq:      c.Seq,
		Time:     c.Time,
		Message:  c.Meta[metaMessage],
	}, err
}

// commitNow commits and prints the commit. loaded is how many entries a load
// took, nil when there was none.
func (s *session) commitNow(ctx context.Context, b *engine.Branch, message string, loaded *uint64) error {
	c, err := b.Commit(ctx, engine.CommitOptions{Message: message})
	if err != nil {
		return err
	}
	info, err := s.commitInfo(ctx, c, b.Name())
	if err != nil {
		return err
	}
	info.Loaded = loaded
	return s.print(info, func(w io.Writer) {
		if loaded != nil {
			fmt.Fprintf(w, "loaded %s\n", many(*loaded, "entry", "entries"))
		}
		fmt.Fprintf(w, "%s #%d  %v  %s\n", plain.String(b.Name()), c.Seq, c.CID, many(info.Entries, "entry", "entries"))
	})
}

// stagedInfo is what is staged, as JSON.
type stagedInfo struct {
	Branch string  `json:"branch"`
	Staged int     `json:"staged"`
	Loaded *uint64 `json:"loaded,omitempty"`
}

func (s *session) printStaged(b *engine.Branch) error {
	info := stagedInfo{Branch: b.Name(), Staged: b.Staged()}
	return s.print(info, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s staged\n", plain.String(info.Branch), many(info.Staged, "write", "writes"))
	})
}
