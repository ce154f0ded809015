package pebblekv

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// TestEvents: what is written behind is told of, with its bytes and its time.
func TestEvents(t *testing.T) {
	var mu sync.Mutex
	told := map[string]Event{}
	begin := time.Now()
	s, err := Open(t.TempDir(), &Options{OnEvent: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		what, _, _ := strings.Cut(e.What, ":")
		told[what] = e
	}})
	if err != nil {
		t.Fatal(err)
	}
	b := s.NewBehind()
	block := codec.EmptyLeaf()
	if _, err := b.PutNode(codec.Sum(block), block, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteNodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, what := range []string{"run of nodes", "flush"} {
		e, ok := told[what]
		if !ok || e.Bytes == 0 || e.Took < 0 || e.Begin.Before(begin.Add(-time.Second)) || e.Begin.After(time.Now()) {
			t.Errorf("%s: %+v", what, e)
		}
	}
}
