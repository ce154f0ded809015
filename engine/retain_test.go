package engine

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// logged lists the Seqs that a log yields; "|" follows where it was cut.
func logged(t tester, b *Branch, o LogOptions) (s string) {
	t.Helper()
	for c, err := range b.Log(ctx, o) {
		do(t, err)
		s += fmt.Sprint(c.Seq, " ")
		if c.Cut {
			s += "| "
		}
	}
	return s
}

func key(k string) LogOptions {
	return LogOptions{Within: prolly.Range{From: []byte(k), To: []byte(k + "\x00")}}
}

func TestRetain(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, &Options{Now: clock()})
		main := must(e.Branch(ctx, "main"))(t)
		var all []Commit
		for i := range 20 {
			all = append(all, commit(t, main, fmt.Sprintf("k%d=%d", i%7, i)))
		}
		do(t, e.Tag(ctx, "v3", all[2].CID))
		branch(t, e, "old", all[9])

		if r := must(e.Retain(ctx, Retention{}))(t); r != (Retained{Kept: 20}) {
			t.Fatalf("%+v", r)
		}
		policy := Retention{Last: 4, DryRun: true}
		if r := must(e.Retain(ctx, policy))(t); r != (Retained{Kept: 11, Cuts: 2}) || logged(t, main, LogOptions{Limit: 6}) != "20 19 18 17 16 15 " {
			t.Fatalf("%+v", r)
		}
		policy.DryRun, policy.Branches = false, []string{"main"}
		if r := must(e.Retain(ctx, policy))(t); r != (Retained{Kept: 14, Cuts: 1}) || logged(t, main, LogOptions{}) != "20 19 18 17 | " {
			t.Fatalf("%+v, %s", r, logged(t, main, LogOptions{}))
		}
		if s := logged(t, main, LogOptions{From: all[9].CID, Limit: 2}); s != "10 9 " {
			t.Fatal(s)
		}
		policy.Branches = nil
		if r := must(e.Retain(ctx, policy))(t); r != (Retained{Kept: 11, Cuts: 1}) {
			t.Fatalf("%+v", r)
		}
		stats := must(e.GC(ctx, GCOptions{}))(t)
		if stats.Swept.Blobs != 9 {
			t.Fatalf("%d commits collected", stats.Swept.Blobs)
		}
		if r := must(e.Retain(ctx, policy))(t); r != (Retained{Kept: 11}) {
			t.Fatalf("a second time: %+v", r)
		}
		old := must(e.Lookup(ctx, "old"))(t)
		if a, b := logged(t, main, LogOptions{}), logged(t, old, LogOptions{}); a != "20 19 18 17 | " || b != "10 9 8 7 | " {
			t.Fatalf("%s and %s", a, b)
		}
		must(e.GC(ctx, GCOptions{}))(t)
		if list := problems(t, e); len(list) > 0 {
			t.Fatal(list)
		}
		_, err := e.Resolve(ctx, "main~4")
		want(t, err, ErrHistoryCut)
		must(e.Resolve(ctx, "main~3"))(t)
		_, err = main.Merge(ctx, "old", MergeOptions{})
		want(t, err, ErrHistoryCut)
		_, _, err = main.Revert(ctx, "main~3", RevertOptions{})
		want(t, err, ErrHistoryCut)
		bl := must(main.Blame(ctx, []byte("k0"), BlameOptions{}))(t)
		if bl.Commit.Seq != 17 || !bl.Commit.Cut || string(bl.Value.Bytes) != "14" {
			t.Fatalf("%+v", bl)
		}
		if s := logged(t, main, key("k5")); s != "20 17 | " {
			t.Fatal(s)
		}
		_, err = main.Blame(ctx, []byte("never"), BlameOptions{})
		want(t, err, ErrNotFound)
		must(main.Merge(ctx, "old", MergeOptions{Base: "v3", Resolve: prolly.Ours}))(t)

		commit(t, main, "k0=new")
		must(e.Retain(ctx, Retention{Last: 1}))(t)
		must(e.GC(ctx, GCOptions{}))(t)
		must(e.Retain(ctx, Retention{Last: 1}))(t)
		marks := 0
		for _, err := range e.store.ListRefs(ctx, shallowPrefix) {
			do(t, err)
			marks++
		}
		if marks != 3 {
			t.Fatalf("%d marks of cuts, for two branches and a tag", marks)
		}
	})
}

func TestRetainByAge(t *testing.T) {
	now := time.UnixMilli(1_000_000_000_000)
	e := startTest(t, memory(), &Options{Now: func() time.Time { return now }})
	main := must(e.Branch(ctx, "main"))(t)
	for i := range 10 {
		now = now.Add(time.Hour)
		commit(t, main, fmt.Sprintf("k=%d", i))
	}
	must(e.Retain(ctx, Retention{Age: 150 * time.Minute}))(t)
	if s := logged(t, main, LogOptions{}); s != "10 9 8 | " {
		t.Fatal(s)
	}
	now = now.Add(1000 * time.Hour)
	must(e.Retain(ctx, Retention{Age: time.Hour}))(t)
	if s := logged(t, main, LogOptions{}); s != "10 | " {
		t.Fatal(s)
	}
	_, err := e.Retain(ctx, Retention{Last: 1, Branches: []string{"nothing"}})
	want(t, err, ErrNoBranch)
}

// TestMissingParent: what nobody cut off is missed.
func TestMissingParent(t *testing.T) {
	e := startTest(t, memory(), nil)
	main := must(e.Branch(ctx, "main"))(t)
	commit(t, main, "a=1")
	commit(t, main, "a=2")
	do(t, e.swapRef(ctx, shallowPrefix+must(main.Head(ctx))(t).CID.String(), nil, encodeShallow(1)))
	must(e.GC(ctx, GCOptions{}))(t)
	raw := must(e.readRef(ctx, shallowPrefix+must(main.Head(ctx))(t).CID.String()))(t)
	do(t, e.swapRef(ctx, shallowPrefix+must(main.Head(ctx))(t).CID.String(), raw, nil))
	n, last := 0, error(nil)
	for _, err := range main.Log(ctx, LogOptions{}) {
		if last = err; err == nil {
			n++
		}
	}
	want(t, last, ErrMissing)
	if n != 1 {
		t.Fatalf("%d commits before the error", n)
	}
	_, err := main.Blame(ctx, []byte("a"), BlameOptions{})
	want(t, err, ErrMissing)
	_, err = e.Retain(ctx, Retention{Last: 5})
	want(t, err, ErrMissing)
}

func TestRevert(t *testing.T) {
	e := startTest(t, memory(), &Options{Now: clock()})
	main := must(e.Branch(ctx, "main"))(t)
	first := commit(t, main, "a=0", "b=0")
	commit(t, main, "a=1", "b-", "c=1")
	commit(t, main, "d=2")
	set(t, main, "e=staged")
	c, stats, err := main.Revert(ctx, "main~1", RevertOptions{})
	do(t, err)
	if s := contentOf(t, main); s != "a=0 b=0 d=2 e=staged " || len(c.Parents) != 1 || stats.Taken != 3 || string(c.Meta["message"]) != "Revert "+must(e.ReadCommit(ctx, c.Parents[0]))(t).Parents[0].String() {
		t.Fatalf("%s, %+v, %+v", s, c, stats)
	}
	if _, got, err := cid.CidFromBytes(c.Meta["reverts"]); err != nil || got != must(e.Resolve(ctx, "main~2"))(t).Commit.CID {
		t.Fatal(err)
	}
	commit(t, main, "a=9")
	_, _, err = main.Revert(ctx, first.CID.String(), RevertOptions{})
	want(t, err, prolly.ErrConflict)
	_, _, err = main.Revert(ctx, first.CID.String(), RevertOptions{Resolve: prolly.Ours})
	do(t, err)
	if s := contentOf(t, main); s != "a=9 d=2 e=staged " {
		t.Fatal(s)
	}
	dev := branch(t, e, "dev", first)
	commit(t, dev, "z=1")
	m := must(main.Merge(ctx, "dev", MergeOptions{}))(t)
	for parent, ok := range map[int]bool{0: false, 3: false, -1: false, 1: true} {
		if _, _, err = main.Revert(ctx, m.Commit.String(), RevertOptions{Parent: parent}); ok != (err == nil) {
			t.Errorf("parent %d: %v", parent, err)
		}
	}
	if s := contentOf(t, main); s != "a=9 d=2 e=staged " {
		t.Fatal(s)
	}
	_, _, err = main.Revert(ctx, first.Root.String(), RevertOptions{})
	want(t, err, ErrNoCommit)
}

func TestRename(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, nil)
		main := must(e.Branch(ctx, "main"))(t)
		c := commit(t, main, "a=0")
		set(t, main, "b=staged")
		must(e.Branch(ctx, "taken"))(t)
		_, err := e.RenameBranch(ctx, "main", "taken")
		want(t, err, ErrBranchExists)
		_, err = e.RenameBranch(ctx, "main", "main")
		want(t, err, ErrBranchExists)
		_, err = e.RenameBranch(ctx, "main", "-")
		want(t, err, ErrBadName)
		_, err = e.RenameBranch(ctx, "nothing", "else")
		want(t, err, ErrNoBranch)
		b := must(e.RenameBranch(ctx, "main", "trunk"))(t)
		want(t, main.Put(ctx, []byte("x"), nil), ErrNoBranch)
		set(t, b, "c=1")
		if s, h := contentOf(t, b), must(b.Head(ctx))(t); s != "a=0 b=staged c=1 " || h.CID != c.CID {
			t.Fatal(s, h)
		}
		do(t, e.Close())
		e = startTest(t, open, nil)
		if s := contentOf(t, must(e.Lookup(ctx, "trunk"))(t)); s != "a=0 b=staged c=1 " {
			t.Fatal(s)
		}
		_, err = e.Lookup(ctx, "main")
		want(t, err, ErrNoBranch)
	})
}

// TestRenameFaults lets each operation of the store fail during a rename: the branch
// is always there under one of the names, whole.
func TestRenameFaults(t *testing.T) {
	for _, late := range []bool{false, true} {
		for at := int64(1); ; at++ {
			disk, n := memkv.NewDisk(memkv.Options{}), &atomic.Int64{}
			n.Store(1 << 40)
			f := &faulty{Store: must(disk.Open())(t), n: n, at: at, late: late}
			e := must(New(f, nil))(t)
			b := must(e.Branch(ctx, "old"))(t)
			commit(t, b, "a=0")
			set(t, b, "b=staged")
			n.Store(0)
			_, err := e.RenameBranch(ctx, "old", "new")
			failed := n.Swap(1<<40) >= at
			do(t, e.Close())
			e = must(New(must(disk.Open())(t), nil))(t)
			there := 0
			for _, name := range []string{"old", "new"} {
				if b, err := e.Lookup(ctx, name); err == nil {
					there++
					if s := contentOf(t, b); s != "a=0 b=staged " {
						t.Fatalf("fault at %d, late %v: %s has %s", at, late, name, s)
					}
				}
			}
			if there == 0 || err == nil && there != 1 {
				t.Fatalf("fault at %d, late %v: %v, and %d branches", at, late, err, there)
			}
			do(t, e.Close())
			if !failed {
				break
			}
		}
	}
}

func TestReset(t *testing.T) {
	e := startTest(t, memory(), nil)
	main := must(e.Branch(ctx, "main"))(t)
	first := commit(t, main, "a=0")
	second := commit(t, main, "a=1")
	_, err := main.Reset(ctx, "main~1", ResetOptions{If: first.CID})
	want(t, err, ErrConflict)
	set(t, main, "b=staged")
	_, err = main.Reset(ctx, "main~1", ResetOptions{If: second.CID})
	want(t, err, ErrUncommitted)
	if s := contentOf(t, main); s != "a=1 b=staged " {
		t.Fatal(s)
	}
	r := must(main.Reset(ctx, "main~1", ResetOptions{If: second.CID, Discard: true}))(t)
	if s, h := contentOf(t, main), must(main.Head(ctx))(t); s != "a=0 " || h.CID != first.CID || r.Root != first.Root {
		t.Fatal(s, h)
	}
	must(main.Reset(ctx, second.Root.String(), ResetOptions{}))(t)
	_, err = main.Head(ctx)
	want(t, err, ErrNoCommit)
	if s := contentOf(t, main); s != "a=1 " {
		t.Fatal(s)
	}
}
