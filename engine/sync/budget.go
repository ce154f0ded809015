package sync

import (
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Budget is what a peer may cost. What is zero has the default of
// DefaultBudget.
type Budget struct {
	Bytes      int64         // of one message's body
	Entries    int64         // set or deleted by one message
	Blocks     int64         // beside entries, in one message
	BlockBytes int64         // of all of them
	ValueBytes int64         // of values out of line, sent or not: all are read to verify them
	Commits    int64         // in one message, or looked at to find what is in common
	Depth      int64         // of lists of chunks under one value
	Gap        int64         // weight of a tree without a cut, where entries were received (prolly.Limits)
	Time       time.Duration // of one call
	Idle       time.Duration // without a byte
}

// DefaultBudget is what a Budget without limits stands for.
var DefaultBudget = Budget{
	Bytes:      64 << 30,
	Entries:    1 << 30,
	Blocks:     1 << 22,
	BlockBytes: 32 << 30,
	ValueBytes: 256 << 30,
	Commits:    1 << 17,
	Depth:      6,
	Gap:        prolly.DefaultMaxGap,
	Time:       6 * time.Hour,
	Idle:       30 * time.Second,
}

// ServerBudget is what a Handler allows a client unless told otherwise.
var ServerBudget = Budget{
	Bytes:      2 << 30,
	Entries:    1 << 24,
	Blocks:     1 << 18,
	BlockBytes: 1 << 30,
	ValueBytes: 4 << 30,
	Commits:    1 << 14,
	Depth:      6,
	Gap:        prolly.DefaultMaxGap,
	Time:       30 * time.Minute,
	Idle:       30 * time.Second,
}

// or fills what is zero from d.
func (b Budget) or(d Budget) Budget {
	for _, f := range []struct{ v, d *int64 }{
		{&b.Bytes, &d.Bytes}, {&b.Entries, &d.Entries}, {&b.Blocks, &d.Blocks},
		{&b.BlockBytes, &d.BlockBytes}, {&b.Commits, &d.Commits}, {&b.Depth, &d.Depth}, {&b.ValueBytes, &d.ValueBytes}, {&b.Gap, &d.Gap},
	} {
		if *f.v == 0 {
			*f.v = *f.d
		}
	}
	if b.Time == 0 {
		b.Time = d.Time
	}
	if b.Idle == 0 {
		b.Idle = d.Idle
	}
	return b
}

// meter counts what one message costs.
type meter struct {
	b                                                       Budget
	bytes, entries, blocks, blockBytes, valueBytes, commits int64
}

func (m *meter) add(to *int64, n, limit int64, what string) error {
	if *to += n; *to > limit {
		return &BudgetError{what, limit}
	}
	return nil
}

func (m *meter) addBytes(n int) error {
	return m.add(&m.bytes, int64(n), m.b.Bytes, "bytes")
}

// addEdit counts an edit, and what it takes to verify its value.
func (m *meter) addEdit(e prolly.Edit) error {
	if err := m.add(&m.entries, 1, m.b.Entries, "entries"); err != nil || e.Delete || e.Value.Kind() != codec.Blob {
		return err
	}
	return m.add(&m.valueBytes, int64(e.Value.Size), m.b.ValueBytes, "bytes of values out of line")
}

func (m *meter) addBlock(n int) error {
	if err := m.add(&m.blocks, 1, m.b.Blocks, "blocks"); err != nil {
		return err
	}
	return m.add(&m.blockBytes, int64(n), m.b.BlockBytes, "bytes of blocks")
}

func (m *meter) addCommit() error {
	return m.add(&m.commits, 1, m.b.Commits, "commits")
}

// MaxBlock is the largest block that travels. A linked block that is larger is
// left out; no block of a tree is.
const MaxBlock = 4 << 20

const (
	maxFrame      = 256 << 10                // a frame's payload, but for blocks
	maxBlockFrame = MaxBlock + codec.MaxLink // a frame that holds a block
)
