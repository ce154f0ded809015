package codec

import (
	"bytes"
	"fmt"
)

// Limits of a question.
const (
	MaxQuestion     = 1 << 20 // its block, in bytes
	MaxQuestionKeys = 4096
)

// Ask says what a question is about.
type Ask uint8

const (
	AskKeys  Ask = 1 // which of these keys are there, and what are their values?
	AskRange Ask = 2 // what are all entries from one key up to another?
	AskCount Ask = 3 // how many entries are there from one key up to another?
	AskRank  Ask = 4 // how many entries come before each of these keys?
	AskAt    Ask = 5 // which entry is it before which there are so many?
)

var asks = [...]string{AskKeys: "keys", AskRange: "range", AskCount: "count", AskRank: "rank", AskAt: "at"}

// String returns the word that stands for a in a block.
func (a Ask) String() string {
	if a == 0 || int(a) >= len(asks) {
		return fmt.Sprintf("Ask(%d)", uint8(a))
	}
	return asks[a]
}

// Question is what can be asked of a tree so that a proof answers it. Only
// the fields that its Ask speaks of are set.
type Question struct {
	Ask Ask

	// Keys strictly ascend. AskKeys, AskRank.
	Keys [][]byte

	// From is the first key, To the first one after the last; an empty one is no
	// bound. AskRange, AskCount.
	From, To []byte

	Limit   uint64 // at most so many entries, 0: all. AskRange
	Reverse bool   // the largest keys first, which matters under a Limit. AskRange
	Index   uint64 // entries before the one that is asked for. AskAt
	Blobs   bool   // values out of line are shown too. AskKeys, AskRange, AskAt
}

// questionVersion is the "v" of every question.
const questionVersion = 1

// Encode returns the block of q: a map in canonical DAG-CBOR (docs/proofs.md). A
// question that ParseQuestion would refuse is an error, which wraps the same
// sentinel.
func (q Question) Encode() ([]byte, error) {
	b := q.append(nil)
	if _, err := ParseQuestion(b); err != nil {
		return nil, fmt.Errorf("codec: question breaks a rule: %w", err)
	}
	return b, nil
}

// append writes the fields in the order of DAG-CBOR: shorter names first.
func (q *Question) append(b []byte) []byte {
	spans, blobs := q.spans(), q.mayShowBlobs()
	keys := q.Ask == AskKeys || q.Ask == AskRank
	b = appendHead(b, majorMap, q.fields())
	b = appendHead(appendText(b, "v"), majorUint, questionVersion)
	if spans {
		b = appendBytes(appendText(b, "to"), q.To)
	}
	b = appendText(appendText(b, "ask"), q.Ask.String())
	if spans {
		b = appendBytes(appendText(b, "from"), q.From)
	}
	if keys {
		b = appendHead(appendText(b, "keys"), majorArray, uint64(len(q.Keys)))
		for _, k := range q.Keys {
			b = appendBytes(b, k)
		}
	}
	if blobs {
		b = appendHead(appendText(b, "blobs"), majorUint, number(q.Blobs))
	}
	if q.Ask == AskAt {
		b = appendHead(appendText(b, "index"), majorUint, q.Index)
	}
	if q.Ask == AskRange {
		b = appendHead(appendText(b, "limit"), majorUint, q.Limit)
		b = appendHead(appendText(b, "reverse"), majorUint, number(q.Reverse))
	}
	return b
}

func number(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// fields is the number of entries of the map.
func (q *Question) fields() uint64 {
	switch q.Ask {
	case AskRange:
		return 7
	case AskRank:
		return 3
	}
	return 4
}

// spans tells whether From and To are asked about.
func (q *Question) spans() bool { return q.Ask == AskRange || q.Ask == AskCount }

// mayShowBlobs tells whether Blobs means something.
func (q *Question) mayShowBlobs() bool {
	return q.Ask == AskKeys || q.Ask == AskRange || q.Ask == AskAt
}

// ParseQuestion checks the block of a question. The keys are slices of the
// block. What is wrong is a *DecodeError.
func ParseQuestion(block []byte) (Question, error) {
	r := reader{block: block}
	var q Question
	if len(block) > MaxQuestion {
		r.fail(0, "block", ErrTooLarge)
	}
	q.read(&r)
	r.end()
	if r.err != nil {
		return Question{}, r.err
	}
	return q, nil
}

func (q *Question) read(r *reader) {
	fields := r.head(majorMap, "block")
	r.key("v")
	at := r.off
	if r.head(majorUint, "v") != questionVersion {
		r.fail(at, "v", ErrVersion)
	}
	// "to" stands before "ask" and shows what is asked about.
	spans := r.at("to")
	if spans {
		r.key("to")
		q.To = q.bound(r, "to")
	}
	q.readAsk(r)
	if r.err == nil && q.spans() != spans {
		r.fail(0, "ask", ErrSyntax)
	}
	switch q.Ask {
	case AskKeys, AskRank:
		r.key("keys")
		q.readKeys(r)
	case AskRange, AskCount:
		r.key("from")
		q.From = q.bound(r, "from")
	}
	if q.mayShowBlobs() {
		q.Blobs = q.flag(r, "blobs")
	}
	switch q.Ask {
	case AskRange:
		r.key("limit")
		q.Limit = r.uint(MaxSum, "limit")
		q.Reverse = q.flag(r, "reverse")
	case AskAt:
		r.key("index")
		q.Index = r.uint(MaxSum, "index")
	}
	if fields != q.fields() {
		r.fail(0, "block", ErrSyntax)
	}
}

func (q *Question) readAsk(r *reader) {
	r.key("ask")
	at := r.off
	from, to := r.span(majorText, "ask")
	for a, word := range asks {
		if a > 0 && string(r.block[from:to]) == word {
			q.Ask = Ask(a)
		}
	}
	if q.Ask == 0 {
		r.fail(at, "ask", ErrSyntax)
	}
}

func (q *Question) readKeys(r *reader) {
	at := r.off
	n := r.head(majorArray, "keys")
	if n > MaxQuestionKeys {
		r.fail(at, "keys", ErrTooLarge)
	}
	// There are 256 keys of one byte; each other one takes three bytes and more.
	// Room is made for no more than can be there.
	if r.err != nil || n == 0 {
		return
	}
	q.Keys = make([][]byte, 0, min(int(n), 256+(len(r.block)-r.off)/3))
	for i := range int(n) {
		at := r.off
		from, to := r.bytes("keys")
		if size := to - from; r.err == nil && (size == 0 || size > MaxKey) {
			r.fail(at, "keys", ErrKey)
		}
		if r.err != nil {
			return
		}
		k := r.block[from:to:to]
		if i > 0 && bytes.Compare(q.Keys[i-1], k) >= 0 {
			r.fail(at, "keys", ErrOrder)
			return
		}
		q.Keys = append(q.Keys, k)
	}
}

// bound reads a key that may be empty.
func (q *Question) bound(r *reader, field string) []byte {
	at := r.off
	from, to := r.bytes(field)
	if to-from > MaxKey {
		r.fail(at, field, ErrKey)
	}
	if from == to {
		return nil
	}
	return r.block[from:to:to]
}

func (q *Question) flag(r *reader, name string) bool {
	r.key(name)
	return r.uint(1, name) == 1
}

// at tells whether the next key of a map is this one.
func (r *reader) at(name string) bool {
	head := len(name) // below 24: the head is one byte
	rest := r.block[min(r.off, len(r.block)):]
	return r.err == nil && len(rest) > head && rest[0] == majorText<<5|byte(head) && string(rest[1:1+head]) == name
}
