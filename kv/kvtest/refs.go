package kvtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

func testRefs(t *testing.T, p *place) {
	swap := func(old, next []byte) error {
		return p.try(func(b kv.Batch) { must(t, b.SwapRef("main", old, next)) })
	}
	one, two, empty := []byte("one"), []byte("two"), []byte{}
	wantRef(t, p, "main", nil)
	steps := []struct {
		name      string
		old, next []byte
		err       error
		after     []byte
	}{
		{"expect a value of a missing ref", one, two, kv.ErrConflict, nil},
		{"expect an empty value of a missing ref", empty, two, kv.ErrConflict, nil},
		{"remove a missing ref", nil, nil, nil, nil},
		{"create", nil, one, nil, one},
		{"create again", nil, two, kv.ErrConflict, one},
		{"wrong old", two, two, kv.ErrConflict, one},
		{"prefix of old", one[:2], two, kv.ErrConflict, one},
		{"move", one, two, nil, two},
		{"stale old", one, two, kv.ErrConflict, two},
		{"to the same", two, two, nil, two},
		{"to empty", two, empty, nil, empty},
		{"expect none of an empty ref", nil, one, kv.ErrConflict, empty},
		{"from empty", empty, one, nil, one},
		{"remove with wrong old", two, nil, kv.ErrConflict, one},
		{"remove", one, nil, nil, nil},
		{"create after removal", nil, two, nil, two},
	}
	for _, s := range steps {
		if err := swap(s.old, s.next); s.err == nil && err != nil {
			t.Errorf("%s: %v", s.name, err)
		} else if s.err != nil {
			wantIs(t, s.name+" (K4)", err, s.err)
		}
		wantRef(t, p, "main", s.after)
	}
	t.Run("names", func(t *testing.T) { testNames(t, p) })
}

func testNames(t *testing.T, p *place) {
	good := []string{"a", "a/b", "/", "-", "\x00", "a\x00", "a\x00b", "\xff\xff", "ÿ", "..", "../x", " ",
		"A", strings.Repeat("n", kv.MaxName)}
	for _, name := range good {
		p.write(func(b kv.Batch) {
			must(t, b.SwapRef(name, nil, []byte(name)))
			must(t, b.AppendLog(name, 7, logData(7)))
		})
	}
	for _, name := range good {
		wantRef(t, p, name, []byte(name))
		wantLog(t, p, name, 0, 7)
	}
	for _, name := range []string{"", strings.Repeat("n", kv.MaxName+1)} {
		b := p.NewBatch()
		wantIs(t, "SwapRef with a bad name", b.SwapRef(name, nil, []byte("x")), kv.ErrName)
		wantIs(t, "AppendLog with a bad name", b.AppendLog(name, 1, nil), kv.ErrName)
		wantIs(t, "TrimLog with a bad name", b.TrimLog(name, 1), kv.ErrName)
		must(t, b.Close())
		wantRef(t, p, name, nil)
		wantLog(t, p, name, 0)
	}
}

func testListRefs(t *testing.T, p *place) {
	list := func(prefix string) (names []string) {
		got, err := all(p.ListRefs(bg, prefix))
		must(t, err)
		for _, r := range got {
			if string(r.Value) != "is "+r.Name {
				t.Errorf("ListRefs: %q has value %q", r.Name, r.Value)
			}
			names = append(names, r.Name)
		}
		return names
	}
	if got := list(""); len(got) != 0 {
		t.Errorf("an empty store lists refs %q", got)
	}
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprintf("branch/%d", i*7919%300))
	}
	want = append(want, "branch", "b", "c/1", "branch0", "\xff", "\xff\xff", "\x00")
	for _, name := range want {
		p.write(func(b kv.Batch) { must(t, b.SwapRef(name, nil, []byte("is "+name))) })
	}
	slices.Sort(want)
	for _, prefix := range []string{"", "b", "branch", "branch/", "branch/1", "c", "d", "\xff", "\x00", want[9]} {
		var under []string
		for _, name := range want {
			if strings.HasPrefix(name, prefix) {
				under = append(under, name)
			}
		}
		if got := list(prefix); !slices.Equal(got, under) {
			t.Errorf("ListRefs(%q): %q, want %q", prefix, got, under)
		}
	}
}
