package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

func TestNames(t *testing.T) {
	e := startTest(t, memory(), nil)
	for _, name := range []string{"main", "a/b", "/", "é", "a b", "b/main", "x~1", strings.Repeat("n", 200), "~", "."} {
		b, err := e.Branch(ctx, name)
		if err != nil || b.Name() != name {
			t.Errorf("%q: %v", name, err)
		}
		do(t, e.Tag(ctx, name, codec.EmptyRoot.CID()))
	}
	for _, name := range []string{"", "-x", "a\nb", "a\x00", "\x7f", "\u0085", "\xff", strings.Repeat("n", 201)} {
		for what, err := range map[string]error{
			"Branch":       errorOf(e.Branch(ctx, name)),
			"Lookup":       errorOf(e.Lookup(ctx, name)),
			"CreateBranch": errorOf(e.CreateBranch(ctx, name, cid.Undef)),
			"DeleteBranch": e.DeleteBranch(ctx, name),
			"Tag":          e.Tag(ctx, name, codec.EmptyRoot.CID()),
			"DeleteTag":    e.DeleteTag(ctx, name),
		} {
			if !errors.Is(err, ErrBadName) {
				t.Errorf("%s(%q): %v", what, name, err)
			}
		}
	}
}

// TestOneBranch: handles of one name, asked for at once, share one branch.
func TestOneBranch(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, nil)
		handles := make([]*Branch, 16)
		var wg sync.WaitGroup
		for i := range handles {
			wg.Go(func() { handles[i], _ = e.Branch(ctx, "main") })
		}
		wg.Wait()
		for _, h := range handles {
			if h == nil || h != handles[0] {
				t.Fatalf("%p and %p", h, handles[0])
			}
		}
	})
}

func TestBranches(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := start(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		do(t, b.Put(ctx, []byte("a"), []byte("1")))
		c := must(b.Commit(ctx, CommitOptions{}))(t)
		do(t, b.Put(ctx, []byte("b"), []byte("2")))
		_, err := e.CreateBranch(ctx, "main", c.CID)
		want(t, err, ErrBranchExists)
		_, err = e.CreateBranch(ctx, "x", codec.Hash{1}.CID())
		want(t, err, ErrMissing)
		_, err = e.CreateBranch(ctx, "x", codec.RawCID(nil))
		want(t, err, ErrUnknownRef)
		_, err = e.Lookup(ctx, "x")
		want(t, err, ErrNoBranch)
		want(t, e.DeleteBranch(ctx, "x"), ErrNoBranch)
		at := must(e.CreateBranch(ctx, "at commit", c.CID))(t)
		root := must(e.CreateBranch(ctx, "at root", c.Root))(t)
		must(e.CreateBranch(ctx, "empty", cid.Undef))(t)
		for _, x := range []*Branch{at, root} { // the branches part
			do(t, x.Put(ctx, []byte("a"), []byte("other")))
		}
		do(t, e.Close())

		e = startTest(t, open, nil)
		got := must(e.Branches(ctx))(t)
		want := []BranchInfo{
			{Name: "at commit", Commit: c.CID, Seq: 1, Root: c.Root, Entries: 1, Staged: 1},
			{Name: "at root", Root: c.Root, Entries: 1, Staged: 1},
			{Name: "empty", Root: codec.EmptyRoot.CID()},
			{Name: "main", Commit: c.CID, Seq: 1, Root: c.Root, Entries: 1, Staged: 1},
		}
		if len(got) != len(want) {
			t.Fatalf("%+v", got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got %+v, want %+v", got[i], want[i])
			}
		}
		if v := must(must(e.Lookup(ctx, "main"))(t).Get(ctx, []byte("a")))(t); string(v) != "1" {
			t.Errorf("main has %q", v)
		}
	})
}

func TestTags(t *testing.T) {
	open := memory()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	c := must(b.Commit(ctx, CommitOptions{}))(t)
	want(t, e.Tag(ctx, "v1", codec.Hash{1}.CID()), ErrMissing)
	want(t, e.Tag(ctx, "v1", codec.RawCID(nil)), ErrUnknownRef)
	want(t, e.DeleteTag(ctx, "v1"), ErrNoTag)
	do(t, e.Tag(ctx, "v1", c.CID))
	do(t, e.Tag(ctx, "v0", c.CID))
	do(t, e.Tag(ctx, "v0", c.Root))
	do(t, e.Close())
	e = startTest(t, open, nil)
	tags := must(e.Tags(ctx))(t)
	if len(tags) != 2 || tags[0] != (TagInfo{"v0", c.Root}) || tags[1] != (TagInfo{"v1", c.CID}) {
		t.Errorf("%v", tags)
	}
	do(t, e.DeleteTag(ctx, "v0"))
	if tags := must(e.Tags(ctx))(t); len(tags) != 1 {
		t.Errorf("%v", tags)
	}
}

func TestResolve(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	do(t, b.Put(ctx, []byte("a"), []byte("0")))
	folded := must(b.Fold(ctx))(t)
	resolves(t, e, "main", Resolved{Root: folded, Branch: "main"})
	_, err := e.Resolve(ctx, "main~0")
	want(t, err, ErrUnknownRef)

	var commits []Commit
	for range 3 {
		do(t, b.Put(ctx, []byte("a"), []byte{byte(len(commits))}))
		commits = append(commits, must(b.Commit(ctx, CommitOptions{}))(t))
	}
	do(t, b.Put(ctx, []byte("a"), []byte("later")))
	must(b.Fold(ctx))(t)
	do(t, e.Tag(ctx, "v1", commits[0].CID))
	do(t, e.Tag(ctx, "r1", commits[1].Root))
	must(e.CreateBranch(ctx, "main~1", cid.Undef))(t) // a branch comes before an ancestor
	last := commits[2]
	resolves(t, e, "main", Resolved{Root: last.Root, Commit: &last, Branch: "main"})
	resolves(t, e, "main~0", Resolved{Root: last.Root, Commit: &last})
	resolves(t, e, "main~1", Resolved{Root: codec.EmptyRoot.CID(), Branch: "main~1"})
	resolves(t, e, "main~2", Resolved{Root: commits[0].Root, Commit: &commits[0]})
	resolves(t, e, "v1", Resolved{Root: commits[0].Root, Commit: &commits[0]})
	resolves(t, e, "r1", Resolved{Root: commits[1].Root})
	resolves(t, e, commits[1].CID.String(), Resolved{Root: commits[1].Root, Commit: &commits[1]})
	resolves(t, e, commits[1].Root.String(), Resolved{Root: commits[1].Root})
	resolves(t, e, codec.EmptyRoot.String(), Resolved{Root: codec.EmptyRoot.CID()})
	for _, ref := range []string{"", "none", "main~3", "main~-1", "main~x", "none~1", "~", "v1~0", codec.Hash{1}.String(), codec.RawCID(nil).String(), "-"} {
		_, err := e.Resolve(ctx, ref)
		if !errors.Is(err, ErrUnknownRef) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	for _, c := range []cid.Cid{commits[1].CID, commits[1].Root} {
		s := must(e.Tree(ctx, c))(t)
		if v := must(s.Tree().Get(ctx, []byte("a")))(t); v[0] != 1 || s.Root() != commits[1].Root || s.Side().Len() != 0 {
			t.Errorf("%v: %v", c, v)
		}
		do(t, s.Close())
	}
	s := must(b.Snapshot(ctx, SnapshotOptions{Committed: true}))(t)
	if s.Root() != last.Root {
		t.Errorf("the committed snapshot has root %v", s.Root())
	}
	do(t, s.Close())
}

func resolves(t *testing.T, e *Engine, ref string, want Resolved) {
	t.Helper()
	got := must(e.Resolve(ctx, ref))(t)
	same := got.Root == want.Root && got.Branch == want.Branch && (got.Commit == nil) == (want.Commit == nil)
	if !same || got.Commit != nil && got.Commit.CID != want.Commit.CID {
		t.Errorf("%q is %+v, want %+v", ref, got, want)
	}
}

// TestOpenErrors: what may stand in the way of Open, by its error.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"), &Options{MustExist: true})
	want(t, err, ErrNoStore)
	_, err = Open(filepath.Join(dir, "none"), &Options{ReadOnly: true})
	want(t, err, ErrNoStore)
	do(t, os.Mkdir(filepath.Join(dir, "other"), 0o700))
	do(t, os.WriteFile(filepath.Join(dir, "other", "file"), []byte("x"), 0o600))
	_, err = Open(filepath.Join(dir, "other"), nil)
	want(t, err, ErrFormat)

	store := filepath.Join(dir, "store")
	e := must(Open(store, nil))(t)
	do(t, must(e.Branch(ctx, "main"))(t).Put(ctx, []byte("k"), []byte("v")))
	_, err = Open(store, nil)
	want(t, err, ErrLocked)
	if n := must(e.DiskUsage(ctx))(t); n == 0 {
		t.Error("no room taken")
	}
	do(t, e.Close())
	e = must(Open(store, &Options{MustExist: true, ReadOnly: true}))(t)
	if v := must(must(e.Branch(ctx, "main"))(t).Get(ctx, []byte("k")))(t); string(v) != "v" {
		t.Errorf("read %q", v)
	}
	do(t, e.Close())
}
