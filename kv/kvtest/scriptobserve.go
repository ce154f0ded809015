package kvtest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// observe reads whatever the script may have written, and the whole store by
// way of its abilities. A block that is missing and must be there is an error, as
// it is to whoever follows a link to it.
func (s script) observe(open Factory, fs vfs.FS) (_ string, err error) {
	st, err := open(fs)
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	var seen strings.Builder
	refs, err := all(st.ListRefs(bg, ""))
	if err != nil {
		return "", err
	}
	records, err := all(st.ReadLog(bg, "main", 0))
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&seen, "refs %q\nlog %v\n", refs, records)
	if len(refs) == 1 {
		one, err := st.ReadRef(bg, "main")
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&seen, "ref %q\n", one)
	}
	if err := s.observeBlocks(st, &seen); err != nil {
		return "", err
	}
	return seen.String(), checkStore(st)
}

func (s script) observeBlocks(st kv.Store, seen *strings.Builder) error {
	steps := s.steps()
	for step := 1; step <= len(steps); step++ {
		want := s.fateOf(step, len(steps), len(steps), len(steps))
		if steps[step-1] != actCommit || want == absent {
			continue
		}
		for i := range s.nodes {
			h, _ := s.node(step, i)
			n, err := st.ReadNode(bg, h, kv.Hint{})
			if err != nil {
				return err
			}
			fmt.Fprintf(seen, "node %d.%d %v %d\n", step, i, codec.Sum(n.Block), len(n.Children))
		}
		if c, _, ok := s.blob(step); ok {
			block, err := st.ReadBlob(bg, c)
			if err != nil {
				return err
			}
			fmt.Fprintf(seen, "blob %d %v\n", step, codec.Sum(block))
		}
	}
	return nil
}
