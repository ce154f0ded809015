package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/rows"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// factsInfo is what was proven, as JSON. Fields that the question has no word
// for are left out.
type factsInfo struct {
	Verified  bool          `json:"verified"`
	Root      cid.Cid       `json:"root"`
	RootGiven bool          `json:"rootGiven"` // on the command line
	Ask       string        `json:"ask"`
	Keys      []keyInfo     `json:"keys,omitempty"`
	From      djson.Bytes   `json:"from,omitempty"`
	To        djson.Bytes   `json:"to,omitempty"`
	Limit     uint64        `json:"limit,omitempty"`
	Reverse   bool          `json:"reverse,omitempty"`
	Index     *uint64       `json:"index,omitempty"`
	Entries   *[]provenInfo `json:"entries,omitempty"`
	Count     *uint64       `json:"count,omitempty"`
}

// keyInfo is what was proven of one key.
type keyInfo struct {
	Key     djson.Bytes `json:"key"`
	Present bool        `json:"present"`
	Rank    uint64      `json:"rank"`
	*valueInfo
}

// provenInfo is an entry.
type provenInfo struct {
	Key djson.Bytes `json:"key"`
	*valueInfo
}

// valueInfo is a value that stands in the proof and is not long, or else what is
// proven of it.
type valueInfo struct {
	Value json.RawMessage `json:"value,omitempty"`
	Blob  *cid.Cid        `json:"blob,omitempty"`
	Size  uint64          `json:"size"`
}

// provenValue is the size of the longest value that verify prints as JSON. A
// proof of few bytes can be one of a value of many.
const provenValue = 1 << 20

func newFactsInfo(f *prolly.Facts, named bool) (factsInfo, error) {
	q := f.Question()
	info := factsInfo{Verified: true, Root: f.Root(), RootGiven: named, Ask: q.Ask.String(),
		From: q.From, To: q.To, Limit: q.Limit, Reverse: q.Reverse}
	tree := f.Tree()
	switch q.Ask {
	case codec.AskKeys, codec.AskRank:
		for k := range f.Keys() {
			i := keyInfo{Key: k.Key, Present: k.Present, Rank: k.Rank}
			if k.Present && q.Ask == codec.AskKeys {
				v, err := newValueInfo(tree, prolly.Entry{Key: k.Key, Value: k.Value})
				if err != nil {
					return info, err
				}
				i.valueInfo = v
			}
			info.Keys = append(info.Keys, i)
		}
		return info, nil
	case codec.AskCount:
		n := f.Count()
		info.Count = &n
		return info, nil
	case codec.AskAt:
		info.Index = &q.Index
	}
	entries := []provenInfo{}
	for e := range f.Entries() {
		v, err := newValueInfo(tree, e)
		if err != nil {
			return info, err
		}
		entries = append(entries, provenInfo{bytes.Clone(e.Key), v})
	}
	info.Entries = &entries
	return info, nil
}

func newValueInfo(t prolly.Tree, e prolly.Entry) (*valueInfo, error) {
	v := e.Value
	info := &valueInfo{Size: v.Size}
	if blob := v.Blob(); blob.Defined() {
		info.Blob = &blob
		if v.Size > provenValue {
			return info, nil
		}
		b, err := t.Get(context.Background(), e.Key)
		if errors.Is(err, prolly.ErrMissing) { // its blocks are not in the proof
			return info, nil
		}
		if err != nil {
			return info, err
		}
		v = prolly.Value{Bytes: b, Size: v.Size}
	}
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	err := rows.WriteValue(w, v, nil)
	if err == nil {
		err = w.Flush()
	}
	info.Value = out.Bytes()
	return info, err
}

// writeFacts writes what was proven for people.
func writeFacts(w io.Writer, f *prolly.Facts, named bool) {
	q := f.Question()
	fmt.Fprintf(w, "verified, root %v", f.Root())
	if !named {
		fmt.Fprint(w, " as the file names it")
	}
	fmt.Fprintln(w)
	switch q.Ask {
	case codec.AskKeys:
		for k := range f.Keys() {
			if !k.Present {
				fmt.Fprintf(w, "absent\t%s\n", plain.Bytes(k.Key))
				continue
			}
			fmt.Fprintf(w, "present\t%s\t%s\n", plain.Bytes(k.Key), appendValue(nil, k.Value))
		}
	case codec.AskRank:
		for k := range f.Keys() {
			there := "which is there"
			if !k.Present {
				there = "which is not there"
			}
			fmt.Fprintf(w, "%s before %s, %s\n", many(k.Rank, "entry", "entries"), quote(k.Key), there)
		}
	case codec.AskCount:
		fmt.Fprintf(w, "%s%s\n", many(f.Count(), "entry", "entries"), span(q))
	case codec.AskRange:
		which := "all"
		if q.Limit > 0 && q.Reverse {
			which = "the last " + count(q.Limit) + " of the"
		} else if q.Limit > 0 {
			which = "the first " + count(q.Limit) + " of the"
		}
		fmt.Fprintf(w, "%s entries%s:\n", which, span(q))
		writeEntries(w, f)
	case codec.AskAt:
		n := 0
		for range f.Entries() {
			n++
		}
		if n == 0 {
			tree := f.Tree()
			fmt.Fprintf(w, "no entry %s: there are %s\n", count(q.Index), count(tree.Len()))
			return
		}
		fmt.Fprintf(w, "entry %s:\n", count(q.Index))
		writeEntries(w, f)
	}
}

func writeEntries(w io.Writer, f *prolly.Facts) {
	var line []byte
	for e := range f.Entries() {
		line = append(plain.Append(line[:0], e.Key), '\t')
		line = append(appendValue(line, e.Value), '\n')
		if _, err := w.Write(line); err != nil {
			return // Flush will say so
		}
	}
}

// span says from where to where a question goes.
func span(q codec.Question) string {
	s := ""
	if len(q.From) > 0 {
		s += " from " + quote(q.From)
	}
	if len(q.To) > 0 {
		s += " up to " + quote(q.To)
	}
	return s
}
