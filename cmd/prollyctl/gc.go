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
and folds without a commit, have left. With --dry-run it counts them only.`,
		Example: `  prollyctl gc --dry-run
  prollyctl gc -o json`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.gc(c.Context(), o) },
	}
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
	Seconds   float64    `json:"seconds"`
	DiskBytes *uint64    `json:"diskBytes"` // afterwards; null when the store cannot tell
}

func (a *app) gc(ctx context.Context, o engine.GCOptions) error {
	return a.writing(ctx, func(s *session) error {
		stats, err := s.e.GC(ctx, o)
		if err != nil {
			return err
		}
		info := gcInfo{
			DryRun:  o.DryRun,
			Kept:    newCountsInfo(stats.Marked),
			Removed: newCountsInfo(stats.Swept),
			Seconds: stats.Duration.Seconds(),
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
