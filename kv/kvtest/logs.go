package kvtest

import (
	"math"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// appendTo is a batch that adds records to a log.
func appendTo(t testing.TB, ref string, seqs ...uint64) func(kv.Batch) {
	return func(b kv.Batch) {
		for _, seq := range seqs {
			must(t, b.AppendLog(ref, seq, logData(seq)))
		}
	}
}

func testLogs(t *testing.T, p *place) {
	wantLog(t, p, "main", 0)
	p.write(appendTo(t, "main", 1, 2, 3))
	p.write(appendTo(t, "main", 10))
	p.write(appendTo(t, "main2", 5))
	p.write(appendTo(t, "mai", math.MaxUint64))
	wantLog(t, p, "main", 0, 1, 2, 3, 10)
	wantLog(t, p, "main", 1, 2, 3, 10)
	wantLog(t, p, "main", 3, 10)
	wantLog(t, p, "main", 9, 10)
	wantLog(t, p, "main", 10)
	wantLog(t, p, "main", math.MaxUint64)
	wantLog(t, p, "main2", 0, 5)
	wantLog(t, p, "mai", 0, math.MaxUint64)
	wantRef(t, p, "main", nil)

	t.Run("trim", func(t *testing.T) {
		p.write(func(b kv.Batch) { must(t, b.TrimLog("main", 2)) })
		wantLog(t, p, "main", 0, 3, 10)
		p.write(func(b kv.Batch) { must(t, b.TrimLog("main", 0)) })
		wantLog(t, p, "main", 0, 3, 10)
		p.write(func(b kv.Batch) { must(t, b.TrimLog("mai", math.MaxUint64)) })
		wantLog(t, p, "mai", 0)
		p.write(func(b kv.Batch) { must(t, b.TrimLog("none", 9)) })
		wantLog(t, p, "main2", 0, 5)
		wantLog(t, p, "main", 0, 3, 10)
	})
	t.Run("removed with its ref", func(t *testing.T) {
		p.write(func(b kv.Batch) { must(t, b.SwapRef("main", nil, []byte("x"))) })
		p.write(func(b kv.Batch) { must(t, b.SwapRef("main", []byte("x"), nil)) })
		wantLog(t, p, "main", 0)
		wantLog(t, p, "main2", 0, 5)
	})
	t.Run("data", func(t *testing.T) {
		p.write(func(b kv.Batch) {
			must(t, b.AppendLog("data", 1, nil))
			must(t, b.AppendLog("data", 2, make([]byte, 100_000)))
		})
		got, err := all(p.ReadLog(bg, "data", 0))
		must(t, err)
		if len(got) != 2 || len(got[0].Data) != 0 || len(got[1].Data) != 100_000 {
			t.Errorf("ReadLog: %d records, not the two written", len(got))
		}
	})
	t.Run("long", func(t *testing.T) {
		var seqs []uint64
		for i := range uint64(3000) {
			seqs = append(seqs, i+1)
		}
		p.write(appendTo(t, "long", seqs...))
		wantLog(t, p, "long", 0, seqs...)
		wantLog(t, p, "long", 2990, seqs[2990:]...)
		p.write(func(b kv.Batch) {
			must(t, b.TrimLog("long", 2500))
			appendTo(t, "long", 3001)(b)
		})
		wantLog(t, p, "long", 0, append(seqs[2500:], 3001)...)
		p.write(func(b kv.Batch) {
			must(t, b.TrimLog("long", 9999))
			appendTo(t, "long", seqs[100:2000]...)(b)
		})
		p.reopen()
		wantLog(t, p, "long", 0, seqs[100:2000]...)
	})
}

// testLogOrder: sequence numbers ascend (K5).
func testLogOrder(t *testing.T, p *place) {
	refuse := func(what string, fill func(kv.Batch)) {
		t.Helper()
		wantIs(t, what+" (K5)", p.try(fill), kv.ErrSequence)
	}
	b := p.NewBatch()
	wantIs(t, "number 0 (K5)", b.AppendLog("main", 0, nil), kv.ErrSequence)
	must(t, b.AppendLog("main", 3, logData(3)))
	wantIs(t, "the same number in a batch (K5)", b.AppendLog("main", 3, nil), kv.ErrSequence)
	wantIs(t, "a lower number in a batch (K5)", b.AppendLog("main", 2, nil), kv.ErrSequence)
	must(t, b.AppendLog("main", 4, logData(4)))
	must(t, b.Commit(bg))
	wantLog(t, p, "main", 0, 3, 4)

	refuse("the same number", appendTo(t, "main", 4))
	refuse("a lower number", appendTo(t, "main", 1))
	p.reopen()
	refuse("a lower number after reopening", appendTo(t, "main", 4))
	refuse("a lower number after too small a trim", func(b kv.Batch) {
		must(t, b.TrimLog("main", 3))
		appendTo(t, "main", 4)(b)
	})
	wantLog(t, p, "main", 0, 3, 4)
	p.write(func(b kv.Batch) {
		must(t, b.TrimLog("main", 4))
		appendTo(t, "main", 1, 2)(b)
	})
	wantLog(t, p, "main", 0, 1, 2)
	p.write(func(b kv.Batch) {
		appendTo(t, "main", 5)(b)
		must(t, b.TrimLog("main", 5))
		appendTo(t, "main", 3)(b)
	})
	wantLog(t, p, "main", 0, 3)
	p.write(appendTo(t, "main", 4, 5, 6))
	p.write(func(b kv.Batch) { // the same numbers again
		must(t, b.TrimLog("main", 6))
		appendTo(t, "main", 3, 5)(b)
	})
	wantLog(t, p, "main", 0, 3, 5)
	p.reopen()
	wantLog(t, p, "main", 0, 3, 5)
	p.write(func(b kv.Batch) {
		must(t, b.TrimLog("main", 9))
		appendTo(t, "main", 3)(b)
	})
	wantLog(t, p, "main", 0, 3)
	p.reopen()
	wantLog(t, p, "main", 0, 3)
	p.write(appendTo(t, "main", 4))
	wantLog(t, p, "main", 0, 3, 4)
}
