package engine

import (
	"fmt"
	"sync"
	"testing"
)

// TestMergeBesideWriters: merges, commits, reverts and renames lose nothing of what others
// write meanwhile, and readers go on.
func TestMergeBesideWriters(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, &Options{StagingBytes: 4000})
		main := must(e.Branch(ctx, "main"))(t)
		first := commit(t, main, "first=1")
		dev := branch(t, e, "dev", first)
		const writers, writes = 4, 100
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range writes {
					key := fmt.Appendf(nil, "w%d/%03d", w, i)
					if err := main.Put(ctx, key, key, NoSync); err != nil {
						t.Error(err)
					}
					if v, err := main.Get(ctx, key); err != nil || string(v) != string(key) {
						t.Errorf("%s: %q, %v", key, v, err)
					}
				}
			})
		}
		for i := range 20 {
			commit(t, dev, fmt.Sprintf("d%02d=1", i), fmt.Sprintf("passing=%d", i))
			must(main.Merge(ctx, dev.Name(), MergeOptions{}))(t)
			if _, _, err := main.Revert(ctx, first.CID.String(), RevertOptions{}); err != nil {
				t.Error(err)
			}
			dev = must(e.RenameBranch(ctx, dev.Name(), fmt.Sprint("dev", i)))(t)
		}
		wg.Wait()
		must(main.Merge(ctx, dev.Name(), MergeOptions{}))(t)
		for w := range writers {
			for i := range writes {
				key := fmt.Appendf(nil, "w%d/%03d", w, i)
				if v, err := main.Get(ctx, key); err != nil || string(v) != string(key) {
					t.Fatalf("%s: %q, %v", key, v, err)
				}
			}
		}
		for i := range 20 {
			if ok := must(main.Has(ctx, fmt.Appendf(nil, "d%02d", i)))(t); !ok {
				t.Fatalf("d%02d is lost", i)
			}
		}
		if list := problems(t, e); len(list) > 0 {
			t.Fatal(list)
		}
	})
}
