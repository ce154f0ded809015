package sync

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// FuzzRun: any bytes are a run or an ErrProtocol; a run is the one encoding of
// what it holds.
func FuzzRun(f *testing.F) {
	var w runWriter
	link := prolly.Value{Link: codec.RawCID([]byte("x"))}
	blob := prolly.OutOfLine(codec.RawCID([]byte("y")), 5000)
	w.add([]byte("a"), &prolly.Value{Bytes: []byte("1")})
	w.add(bytes.Repeat([]byte("b"), 100), &link)
	w.add(append(bytes.Repeat([]byte("b"), 100), 'c'), &blob)
	w.add([]byte("d"), nil)
	f.Add(w.b, []byte(nil))
	f.Add(oneEdit("k", 0, 1, 'v'), []byte("j"))
	for _, h := range falsifications[len(falsifications)-30:] {
		f.Add([]byte(h.name), []byte("k"))
	}
	f.Fuzz(func(t *testing.T, run, after []byte) {
		var again runWriter
		_, n, err := checkRun(run, after, func(e prolly.Edit) error {
			if e.Delete {
				again.add(e.Key, nil)
			} else {
				again.add(e.Key, &e.Value)
			}
			return prolly.CheckEdit(e)
		})
		if err != nil {
			want(t, err, ErrProtocol)
			return
		}
		if n == 0 || !bytes.Equal(again.b, run) {
			t.Fatalf("%d edits in %x, written again as %x", n, run, again.b)
		}
	})
}

// FuzzMessages: every payload and request is read or refused, and what was read
// is written as it was.
func FuzzMessages(f *testing.F) {
	v := Version{Commit: codec.Sum([]byte("c")).CID(), Root: emptyRoot, Entries: 300, Bytes: 7}
	seeds := [][]byte{
		must(head{statusSteps, v}.append(nil))(f),
		must((&pullRequest{haves: nil}).append(nil))(f),
		must((&pullRequest{estimate: true, salt: 9}).append(nil))(f),
		must(rangeRequest{base: emptyRoot, root: v.Commit, after: []byte("k")}.append(nil))(f),
		must(historyRequest{v.Commit, 3, 1 << 40}.append(nil))(f),
		must((&leavesRequest{root: emptyRoot, what: wantEntries, ids: []uint64{1}, want: []uint64{2, 3}}).append(nil))(f),
		must((&leavesRequest{root: emptyRoot, what: wantSymbols}).append(nil))(f),
		must(appendStep(nil, v.Commit, v.Commit, nil))(f),
		appendSymbolsHead(nil, 5, 0),
	}
	for i, s := range seeds {
		f.Add(byte(i), s)
	}
	f.Fuzz(func(t *testing.T, what byte, b []byte) {
		var again []byte
		var err error
		same := true
		switch what % 7 {
		case 0:
			var h head
			if h, err = parseHead(b); err == nil {
				again = must(h.append(nil))(t)
			}
		case 1:
			var q pullRequest
			if q, err = parsePull(b); err == nil {
				again, same = must(q.append(nil))(t), !q.estimate // its counters have several forms
			}
		case 2:
			var q rangeRequest
			if q, err = parseRange(b); err == nil {
				again, same = must(q.append(nil))(t), q.base != emptyRoot || b[1] == 0
			}
		case 3:
			var q historyRequest
			if q, err = parseHistory(b); err == nil {
				again, same = must(q.append(nil))(t), b[1] == 0
			}
		case 4:
			var q leavesRequest
			if q, err = parseLeaves(b); err == nil {
				again, same = must(q.append(nil))(t), b[1] == 0 && q.what != wantSymbols
			}
		case 5:
			var st *step
			if st, err = parseStep(b); err == nil {
				again = must(appendStep(nil, st.base, st.root, st.block))(t)
			}
		case 6:
			_, err = readSymbols(b, nil)
			if _, failed := parseBlocks(b); failed != nil {
				want(t, failed, ErrProtocol)
			}
			same = false
		}
		if err != nil {
			want(t, err, ErrProtocol)
		} else if same && !bytes.Equal(again, b) {
			t.Fatalf("%x was read, and written as %x", b, again)
		}
	})
}

// FuzzStream: any stream is received or refused with a typed error, within its
// budget.
func FuzzStream(f *testing.F) {
	l := newLure(f)
	honest := falsified{write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }}
	f.Add(honest.message(l, func(*frameWriter) {}))
	for _, h := range falsifications {
		f.Add(h.message(l, func(*frameWriter) {}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSpool()
		m := &meter{b: Budget{Bytes: 1 << 20, Entries: 1000, Blocks: 100, BlockBytes: 1 << 20, ValueBytes: 1 << 30, Commits: 50}.or(DefaultBudget)}
		err := (&receiver{r: newFrameReader(bytes.NewReader(b), m), s: s}).steps()
		if s.size > int64(len(b)) {
			t.Fatalf("%d bytes spooled of %d", s.size, len(b))
		}
		for _, st := range s.steps {
			for _, failed := range s.edits(st) {
				do(t, failed)
			}
		}
		do(t, s.close())
		if err == nil {
			return
		}
		for _, typed := range []error{ErrProtocol, ErrTruncated, ErrBudget, ErrRemote} {
			if errors.Is(err, typed) {
				return
			}
		}
		if code, _, _ := codeOf(err); code == "failed" {
			t.Fatalf("an error of no type: %v", err)
		}
	})
}
