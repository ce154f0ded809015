package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/shape"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func newStat(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "stat [REF]",
		Short: "Measure a version's tree, and the store",
		Long: `stat reads every node of a version, by default of the branch's last commit, and
prints for each level how many nodes it has, their bytes, and of their weights
the least, mean and greatest, the 99th percentile and the coefficient of
variation (standard deviation over mean). A weight is not a size: it is the sum
by which the tree decides where a node ends, between 1,280 and 3,840 for every
node of a level with more than one. Blobs are values that stand out of line,
each counted once for every key that has it. The disk usage is the whole
store's, all versions together.`,
		Example: `  prollyctl stat
  prollyctl stat main~10 -o json`,
		Args:              wantArgs(0, 1),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.stat(c.Context(), optional(args, 0)) },
	}
}

// statInfo is what stat knows, as JSON.
type statInfo struct {
	rootInfo
	Nodes     uint64        `json:"nodes"`
	NodeBytes uint64        `json:"nodeBytes"`
	Levels    []shape.Level `json:"levels"` // leaves first
	Blobs     uint64        `json:"blobs"`
	BlobBytes uint64        `json:"blobBytes"`
	Links     uint64        `json:"links"`
	DiskBytes *uint64       `json:"diskBytes"` // of the whole store; null when it cannot tell
}

func (a *app) stat(ctx context.Context, ref string) error {
	return a.reading(ctx, func(s *session) error {
		info, err := s.measure(ctx, ref)
		if err != nil {
			return err
		}
		return a.print(info, func(w io.Writer) { info.write(w) })
	})
}

func (s *session) measure(ctx context.Context, ref string) (statInfo, error) {
	var info statInfo
	r, err := s.committed(ctx, ref)
	if err != nil {
		return info, err
	}
	if info.rootInfo, err = s.rootInfo(ctx, r); err != nil {
		return info, err
	}
	sum, err := s.summary(ctx, r)
	if err != nil {
		return info, err
	}
	info.Nodes, info.NodeBytes, info.Levels = sum.Nodes, sum.NodeBytes, sum.Levels()
	info.Blobs, info.BlobBytes, info.Links = sum.Blobs, sum.BlobBytes, sum.Links
	disk, err := s.e.DiskUsage(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return info, nil
	}
	info.DiskBytes = &disk
	return info, err
}

// summary walks a version's tree.
func (s *session) summary(ctx context.Context, r engine.Resolved) (*shape.Summary, error) {
	snap, err := s.e.Tree(ctx, r.Root)
	if err != nil {
		return nil, err
	}
	sum := new(shape.Summary)
	err = snap.Tree().Walk(ctx, func(_ prolly.Addr, n *prolly.Node) error {
		sum.Add(n)
		return nil
	})
	return sum, also(err, snap.Close())
}

func (info *statInfo) write(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, value) }
	row("root", info.Root.String())
	if info.Commit.Defined() {
		row("commit", info.Commit.String())
	}
	row("entries", fmt.Sprintf("%s, %s of keys and values", count(info.Entries), size(info.Bytes)))
	row("height", count(info.Height))
	row("nodes", fmt.Sprintf("%s, %s%s", count(info.Nodes), size(info.NodeBytes), perEntry(info.NodeBytes, info.Entries)))
	row("blobs", fmt.Sprintf("%s, %s", count(info.Blobs), size(info.BlobBytes)))
	row("links", count(info.Links))
	if info.DiskBytes != nil {
		row("disk", size(*info.DiskBytes)+", all versions")
	}
	w.Flush()
	fmt.Fprintln(out)
	writeLevels(out, info.Levels)
}

func perEntry(bytes, entries uint64) string {
	if entries == 0 {
		return ""
	}
	return fmt.Sprintf(", %.1f bytes an entry", float64(bytes)/float64(entries))
}

// writeLevels writes a table of the levels, the root first.
func writeLevels(out io.Writer, levels []shape.Level) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "level\tnodes\tbytes\tweight: min\tmean\tmax\tp99\tcv\t")
	for _, l := range slices.Backward(levels) {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%.0f\t%s\t%s\t%.2f\t\n",
			l.Level, count(l.Nodes), count(l.Bytes), count(l.Min), l.Mean, count(l.Max), count(l.P99), l.CV)
	}
	w.Flush()
}
