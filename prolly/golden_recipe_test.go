package prolly

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// The language in which golden vectors describe their entries: everything
// follows from SHA-256, so that any other language can make the same trees.
// codec/testdata/README.md defines it for readers elsewhere.

// content is the entries of a tree: recipe and list together.
type content struct {
	Seed    string      `json:"seed,omitempty"`
	Keys    *keyRule    `json:"keys,omitempty"`
	Values  []valueRule `json:"values,omitempty"`
	Count   int         `json:"count,omitempty"` // entries 0 … Count-1
	Entries []listed    `json:"entries,omitempty"`
}

// change is one step of an edit: entries by number under the base's key rule, or
// listed.
type change struct {
	Delete  bool        `json:"delete,omitempty"`
	Seed    string      `json:"seed,omitempty"`
	Values  []valueRule `json:"values,omitempty"`
	From    int         `json:"from,omitempty"`
	Step    int         `json:"step,omitempty"` // 0 counts as 1
	Count   int         `json:"count,omitempty"`
	At      []int       `json:"at,omitempty"` // instead of From, Step, Count
	Entries []listed    `json:"entries,omitempty"`
}

// keyRule makes key i.
type keyRule struct {
	Shape string `json:"shape"`
	Min   int    `json:"min,omitempty"`
	Max   int    `json:"max,omitempty"`
	List  string `json:"list,omitempty"`
}

// valueRule makes the value of entry i. The first rule with i mod Every = At
// counts; Every 0 is any i.
type valueRule struct {
	Every   int    `json:"every,omitempty"`
	At      int    `json:"at,omitempty"`
	Kind    string `json:"kind"`
	Min     int    `json:"min,omitempty"`
	Max     int    `json:"max,omitempty"`
	Over    int    `json:"over,omitempty"`
	Version int    `json:"version,omitempty"`
	Codec   uint64 `json:"codec,omitempty"`
	Hash    uint64 `json:"hash,omitempty"`
	Size    int    `json:"size,omitempty"`
}

// listed is one entry written out in hex.
type listed struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	Link  string `json:"link,omitempty"`
}

// recipeBytes returns the first n bytes of SHA-256(label#0), SHA-256(label#1), …
func recipeBytes(label string, n int) []byte {
	out := make([]byte, 0, n+sha256.Size)
	for c := 0; len(out) < n; c++ {
		h := sha256.Sum256([]byte(label + "#" + strconv.Itoa(c)))
		out = append(out, h[:]...)
	}
	return out[:n]
}

// recipeNumber returns a number below n.
func recipeNumber(label string, n int) int {
	return int(binary.BigEndian.Uint64(recipeBytes(label, 8)) % uint64(n))
}

func recipeLength(label string, lo, hi int) int {
	if lo == hi {
		return lo
	}
	return lo + recipeNumber(label, hi-lo+1)
}

// lists are key lists that no recipe can make.
type lists map[string][]string

func (l lists) key(seed string, r *keyRule, i int) ([]byte, error) {
	switch r.Shape {
	case "random":
		n := recipeLength(fmt.Sprintf("%s/keylen/%d", seed, i), r.Min, r.Max)
		return recipeBytes(fmt.Sprintf("%s/key/%d", seed, i), n), nil
	case "sequential":
		return fmt.Appendf(nil, "%08d", i), nil
	case "path":
		return fmt.Appendf(nil, "/dir%d/sub%d/file-%d", i%7, i%31, i), nil
	case "prefixed":
		return fmt.Appendf(nil, "%s%06d", strings.Repeat("x", 1000), i), nil
	case "byte":
		return []byte{byte(i)}, nil
	case "list":
		if keys := l[r.List]; i < len(keys) {
			return hex.DecodeString(keys[i])
		}
	}
	return nil, fmt.Errorf("key %d of rule %+v: no such thing", i, *r)
}

func recipeValue(seed string, rules []valueRule, i int, key []byte) (Value, error) {
	for _, r := range rules {
		if r.Every > 0 && i%r.Every != r.At {
			continue
		}
		label := fmt.Sprintf("%s/value/%d", seed, i)
		switch r.Kind {
		case "bytes":
			n := recipeLength(fmt.Sprintf("%s/valuelen/%d", seed, i), r.Min, r.Max)
			return Value{Bytes: recipeBytes(label, n)}, nil
		case "zeros":
			return Value{Bytes: make([]byte, r.Size)}, nil
		case "limit":
			return Value{Bytes: recipeBytes(label, codec.MaxItem-4-len(key)+r.Over)}, nil
		case "link":
			return recipeLink(label, r)
		}
		return Value{}, fmt.Errorf("value rule %+v: no such kind", r)
	}
	return Value{}, fmt.Errorf("no value rule for entry %d", i)
}

func recipeLink(label string, r valueRule) (Value, error) {
	var b []byte
	if r.Version == 1 {
		b = binary.AppendUvarint([]byte{1}, r.Codec)
	}
	b = binary.AppendUvarint(b, r.Hash)
	b = binary.AppendUvarint(b, uint64(r.Size))
	c, err := cid.Cast(append(b, recipeBytes(label, r.Size)...))
	return Value{Link: c}, err
}

func (e listed) entry() (Entry, error) {
	key, err := hex.DecodeString(e.Key)
	if err != nil {
		return Entry{}, err
	}
	if e.Link != "" {
		b, err := hex.DecodeString(e.Link)
		if err != nil {
			return Entry{}, err
		}
		c, err := cid.Cast(b)
		return Entry{key, Value{Link: c}}, err
	}
	b, err := hex.DecodeString(e.Value)
	return Entry{key, Value{Bytes: b}}, err
}

// model evaluates the recipe. Of entries with one key the last counts.
func (c content) model(l lists) (model, error) {
	m := model{}
	for i := range c.Count {
		key, err := l.key(c.Seed, c.Keys, i)
		if err != nil {
			return nil, err
		}
		if m[string(key)], err = recipeValue(c.Seed, c.Values, i, key); err != nil {
			return nil, err
		}
	}
	for _, x := range c.Entries {
		e, err := x.entry()
		if err != nil {
			return nil, err
		}
		m[string(e.Key)] = e.Value
	}
	return m, nil
}

// numbers lists which entries the change is about.
func (c change) numbers() []int {
	if c.At != nil {
		return c.At
	}
	var out []int
	for k := range c.Count {
		out = append(out, c.From+k*max(c.Step, 1))
	}
	return out
}

// edits evaluates the changes over a base.
func (base content) edits(l lists, changes []change) ([]Edit, error) {
	var out []Edit
	for _, c := range changes {
		for _, i := range c.numbers() {
			key, err := l.key(base.Seed, base.Keys, i)
			if err != nil {
				return nil, err
			}
			e := Edit{Key: key, Delete: c.Delete}
			if !c.Delete {
				if e.Value, err = recipeValue(c.Seed, c.Values, i, key); err != nil {
					return nil, err
				}
			}
			out = append(out, e)
		}
		for _, x := range c.Entries {
			e, err := x.entry()
			if err != nil {
				return nil, err
			}
			out = append(out, Edit{Key: e.Key, Value: e.Value, Delete: c.Delete})
		}
	}
	return out, nil
}
