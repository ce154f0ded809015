package car

import (
	"bytes"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// What a file leaves out and only garbage has is kept from then on.
func TestImportFromGarbage(t *testing.T) {
	s := newSource(t)
	from, to := store(t), store(t)
	c := s.commits(s.branch(from, "main"), 3, 1500)
	whole, _ := s.export(from, c[2].CID, ExportOptions{})
	s.take(s.branch(to, "lost"), whole, ImportOptions{})
	s.do(to.DeleteBranch(ctx, "lost"))
	var empty bytes.Buffer // all of it is left out
	w, err := newWriter(&empty, c[2].CID)
	s.do(err)
	s.do(w.flush())
	if r := s.take(s.branch(to, "main"), empty.Bytes(), ImportOptions{}); r.Head.CID != c[2].CID {
		t.Errorf("%+v", r)
	}
	for range 3 {
		if _, err := to.GC(ctx, engine.GCOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s.sound(to)
	for _, x := range c {
		same(s, from, to, x.Root)
	}
	if again, _ := s.export(to, c[2].CID, ExportOptions{}); !bytes.Equal(again, whole) {
		t.Error("R1 violated: another file")
	}
}
