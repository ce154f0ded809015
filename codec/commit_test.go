package codec

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"

	cid "github.com/ipfs/go-cid"
)

// commits has one of every shape.
func commits() map[string]Commit {
	all := make([]cid.Cid, MaxParents)
	for i := range all {
		all[i] = fakeHash(i).CID()
	}
	return map[string]Commit{
		"first": {Seq: 1, Root: EmptyRoot.CID(), Time: 1_700_000_000_123},
		"second": {Seq: 2, Root: fakeHash(1).CID(), Time: 0, Parents: all[:1],
			Meta: map[string][]byte{"message": []byte("second"), "author": {}, "é": {0, 1}, "b": nil, "a": {2}}},
		"merge":    {Seq: 1 << 40, Root: fakeHash(2).CID(), Time: -1, Parents: all},
		"limits":   {Seq: math.MaxInt64, Root: fakeHash(3).CID(), Time: math.MinInt64, Parents: all[3:5]},
		"no name":  {Seq: 1, Root: fakeHash(4).CID(), Time: math.MaxInt64, Meta: map[string][]byte{"": []byte("x")}},
		"longmeta": {Seq: 1, Root: fakeHash(4).CID(), Meta: map[string][]byte{"m": bytes.Repeat([]byte("y"), 60000)}},
	}
}

func TestCommit(t *testing.T) {
	for name, want := range commits() {
		t.Run(name, func(t *testing.T) {
			block, err := want.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseCommit(block)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range want.Meta {
				want.Meta[k] = append([]byte{}, v...)
			}
			if !reflect.DeepEqual(want, got) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestCommitThatBreaksARule(t *testing.T) {
	root, parent := fakeHash(1).CID(), fakeHash(2).CID()
	many := make([]cid.Cid, MaxParents+1)
	meta := map[string][]byte{}
	for i := range MaxMeta + 1 {
		many[i%len(many)] = fakeHash(i).CID()
		meta[string(rune('a'+i))] = nil
	}
	for name, c := range map[string]struct {
		Commit
		err error
	}{
		"no root":           {Commit{Seq: 1}, ErrLink},
		"raw root":          {Commit{Seq: 1, Root: RawCID(nil)}, ErrLink},
		"raw parent":        {Commit{Seq: 2, Root: root, Parents: []cid.Cid{RawCID(nil)}}, ErrLink},
		"parent twice":      {Commit{Seq: 2, Root: root, Parents: []cid.Cid{parent, root, parent}}, ErrLink},
		"too many parents":  {Commit{Seq: 2, Root: root, Parents: many}, ErrTooLarge},
		"seq 0":             {Commit{Root: root}, ErrStats},
		"seq 2, no parents": {Commit{Seq: 2, Root: root}, ErrStats},
		"seq 1, a parent":   {Commit{Seq: 1, Root: root, Parents: []cid.Cid{parent}}, ErrStats},
		"seq over int64":    {Commit{Seq: 1 << 63, Root: root, Parents: []cid.Cid{parent}}, ErrTooLarge},
		"key no UTF-8":      {Commit{Seq: 1, Root: root, Meta: map[string][]byte{"\xff": nil}}, ErrKey},
		"too much meta":     {Commit{Seq: 1, Root: root, Meta: meta}, ErrTooLarge},
		"too large":         {Commit{Seq: 1, Root: root, Meta: map[string][]byte{"m": make([]byte, MaxCommit)}}, ErrTooLarge},
	} {
		if b, err := c.Encode(); !errors.Is(err, c.err) || b != nil {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}
