package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// verify opens what is left of a script's store and judges it, then writes to
// it and looks again.
func (s script) verify(open Factory, fs vfs.FS, acked, begun int) error {
	at := 0
	for round := range 2 {
		st, err := open(fs)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		if round == 0 {
			at, err = s.judge(st, acked, begun)
		} else {
			err = afterwards(st, s.refValue(at))
		}
		if err == nil {
			err = checkStore(st)
		}
		if err == nil && round == 0 {
			err = goOn(st, s.refValue(at))
		}
		if err = errors.Join(err, st.Close()); err != nil {
			return fmt.Errorf("at step %d, opened %d times: %w", at, round+1, err)
		}
	}
	return nil
}

// judge finds out at which commit the store stands, and whether all of it and
// nothing else is there.
func (s script) judge(st kv.Store, acked, begun int) (at int, err error) {
	value, err := st.ReadRef(bg, "main")
	switch {
	case errors.Is(err, kv.ErrNotFound):
	case err != nil:
		return 0, err
	default:
		if at, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || !bytes.Equal(value, s.refValue(at)) {
			return 0, fmt.Errorf("the ref has a value that it never had: %q", value)
		}
	}
	if at < s.before(acked+1) {
		return at, fmt.Errorf("step %d was acknowledged and is lost (K2)", acked)
	}
	if at > begun {
		return at, fmt.Errorf("at a step that was never begun (K3)")
	}
	if err := s.judgeLog(st, at); err != nil {
		return at, err
	}
	for step := 1; step <= begun; step++ {
		if err := s.judgeStep(st, step, at, acked, begun); err != nil {
			return at, fmt.Errorf("step %d: %w", step, err)
		}
	}
	return at, nil
}

func (s script) judgeLog(st kv.Store, at int) error {
	records, err := all(st.ReadLog(bg, "main", 0))
	if err != nil {
		return err
	}
	steps := s.steps()
	for step := s.trimmed(at) + 1; step <= at; step++ {
		if steps[step-1] != actCommit {
			continue
		}
		if len(records) == 0 || records[0].Seq != uint64(step) || !bytes.Equal(records[0].Data, logData(uint64(step))) {
			return fmt.Errorf("log record %d is missing or another (K1)", step)
		}
		records = records[1:]
	}
	if len(records) > 0 {
		return fmt.Errorf("log record %d is there (K1)", records[0].Seq)
	}
	return nil
}

// fate says what must have become of what a step wrote.
type fate int

const (
	absent fate = iota
	present
	either
)

// fateOf is the fate of what a commit wrote, when the store stands at a commit.
func (s script) fateOf(step, at, acked, begun int) fate {
	if step > at {
		return absent
	}
	f := present
	steps := s.steps()
	for w := step + 1; w <= begun; w++ {
		if steps[w-1] != actSweep || !dropped(w, step) {
			continue
		}
		if w <= acked {
			return absent
		}
		f = either
	}
	return f
}

func (s script) judgeStep(st kv.Store, step, at, acked, begun int) error {
	if s.steps()[step-1] != actCommit {
		return nil
	}
	want := s.fateOf(step, at, acked, begun)
	nodes := want
	if s.behind && want == absent {
		nodes = either
	}
	for i := range s.nodes {
		h, block := s.node(step, i)
		n, err := st.ReadNode(bg, h, kv.Hint{})
		if err := judgeBlock(nodes, block, n.Block, err); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	if c, block, ok := s.blob(step); ok {
		got, err := st.ReadBlob(bg, c)
		if err := judgeBlock(want, block, got, err); err != nil {
			return fmt.Errorf("blob: %w", err)
		}
	}
	return nil
}

func judgeBlock(want fate, block, got []byte, err error) error {
	switch {
	case errors.Is(err, kv.ErrNotFound):
		if want == present {
			return errors.New("lost (K1)")
		}
		return nil
	case err != nil:
		return err
	case !bytes.Equal(got, block):
		return errors.New("has other bytes (K6)")
	case want == absent:
		return errors.New("is there, and must not be (K1)")
	}
	return nil
}

// checkStore has the store check itself.
func checkStore(st kv.Store) (err error) {
	c, ok := st.(kv.Checker)
	if !ok {
		return nil
	}
	var found []error
	if err := c.CheckStore(bg, func(err error) { found = append(found, err) }); err != nil {
		return err
	}
	return errors.Join(found...)
}

// goOn writes to a store that was recovered.
func goOn(st kv.Store, value []byte) error {
	h, block := testNode(1)
	b := st.NewBatch()
	_, err := b.PutNode(h, block, nil)
	return errors.Join(err, b.SwapRef("main", value, append([]byte("after "), value...)), b.Commit(bg), st.Sync(bg))
}

// afterwards looks for what goOn wrote.
func afterwards(st kv.Store, value []byte) error {
	h, block := testNode(1)
	n, err := st.ReadNode(bg, h, kv.Hint{})
	if err != nil || !bytes.Equal(n.Block, block) {
		return fmt.Errorf("a node written after recovery is gone or another: %v", err)
	}
	got, err := st.ReadRef(bg, "main")
	if err != nil || string(got) != "after "+string(value) {
		return fmt.Errorf("a ref written after recovery is %q: %v", got, err)
	}
	return nil
}
