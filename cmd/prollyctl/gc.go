package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func newGC(a *app) *cobra.Command {
	var o engine.GCOptions
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove what no branch and no tag reaches",
		Long: `gc removes the blocks that no branch and no tag reaches: what deleted branches,
and folds without a commit, have left. With --keep it first cuts off the history
of every branch and tag beyond so many commits, as retain does; a cut stays. With
--dry-run it counts only. A collection that is interrupted has removed a part;
the next one removes the rest.`,
		Example: `  prollyctl gc --dry-run
  prollyctl gc --keep 10
  prollyctl gc -o json`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Keep < 0 || c.Flags().Changed("keep") && o.Keep == 0 {
				return usagef("at least one commit must be kept")
			}
			return a.gc(c.Context(), o)
		},
	}
	c.Flags().IntVar(&o.Keep, "keep", 0, "keep so many of the newest commits of each branch and tag")
	c.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "remove nothing")
	return c
}

// countsInfo are blocks as JSON.
type countsInfo struct {
	Nodes     uint64 `json:"nodes"`
	NodeBytes uint64 `json:"nodeBytes"`
	Blobs     uint64 `json:"blobs"`
	BlobBytes uint64 `json:"blobBytes"`
}

func newCountsInfo(c engine.Counts) countsInfo {
	return countsInfo{c.Nodes, c.NodeBytes, c.Blobs, c.BlobBytes}
}

func (c countsInfo) String() string {
	s := fmt.Sprintf("%s (%s) and %s", many(c.Nodes, "node", "nodes"), size(c.NodeBytes), many(c.Blobs, "other block", "other blocks"))
	if c.BlobBytes > 0 {
		s += " (" + size(c.BlobBytes) + ")"
	}
	return s
}

// gcInfo is a garbage collection as JSON.
type gcInfo struct {
	DryRun    bool       `json:"dryRun"`
	Kept      countsInfo `json:"kept"`
	Removed   countsInfo `json:"removed"` // with dryRun: to be removed
	Copies    countsInfo `json:"copies"`  // older copies of nodes, removed beside
	Moved     uint64     `json:"movedBytes"`
	Seconds   float64    `json:"seconds"`
	Marking   float64    `json:"markingSeconds"`
	Longest   float64    `json:"longestHoldSeconds"` // for which a writer would have had to wait
	DiskBytes *uint64    `json:"diskBytes"`          // afterwards; null when the store cannot tell
}

func (a *app) gc(ctx context.Context, o engine.GCOptions) error {
	return a.writing(ctx, func(s *session) error {
		o.Progress = s.gcProgress()
		stats, err := s.e.GC(ctx, o)
		if o.Progress != nil {
			fmt.Fprint(s.stderr, "\r\x1b[K")
		}
		if err != nil {
			return err
		}
		info := gcInfo{
			DryRun:  o.DryRun,
			Kept:    newCountsInfo(stats.Marked),
			Removed: newCountsInfo(stats.Swept),
			Copies:  newCountsInfo(stats.Copies),
			Moved:   stats.Rewritten,
			Seconds: stats.Duration.Seconds(),
			Marking: stats.Marking.Seconds(),
			Longest: stats.Holds.Longest.Seconds(),
		}
		disk, err := s.e.DiskUsage(ctx)
		if err == nil {
			info.DiskBytes = &disk
		} else if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		return a.print(info, func(w io.Writer) {
			verb := "removed"
			if o.DryRun {
				verb = "would remove"
			}
			fmt.Fprintf(w, "%s %v\nkept %v\n", verb, info.Removed, info.Kept)
			if !o.DryRun && info.DiskBytes != nil {
				fmt.Fprintf(w, "the store takes %s; took %v\n", size(disk), stats.Duration.Round(time.Millisecond))
			}
		})
	})
}

// gcProgress shows on stderr how far a collection is; nil when stderr is no
// terminal.
func (a *app) gcProgress() func(engine.GCStats) {
	if !a.errTTY {
		return nil
	}
	told := time.Now()
	return func(st engine.GCStats) {
		if time.Since(told) < 200*time.Millisecond {
			return
		}
		told = time.Now()
		what := fmt.Sprintf("marked %s", many(st.Marked.Nodes, "node", "nodes"))
		if st.Marking > 0 {
			what = fmt.Sprintf("kept %s, removed %s", many(st.Marked.Nodes, "node", "nodes"), many(st.Swept.Nodes, "node", "nodes"))
		}
		fmt.Fprintf(a.stderr, "\r\x1b[Kgc: %s, %v", what, st.Duration.Round(time.Second))
	}
}
