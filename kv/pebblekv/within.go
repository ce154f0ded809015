package pebblekv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Unit is what shares a checksum with one byte of a store's files: what damage to that
// byte may cost who salvages the store. All else is found again. It is empty for bytes
// of indexes, filters and of Pebble's own records.
type Unit struct {
	Nodes  map[codec.Hash]bool
	Blobs  map[string]bool // by multihash; of a file of values under SHA-256, whatever they are called
	Refs   map[string]bool // of which the record is there
	Staged map[string]bool // refs of which a log record is there
	State  bool            // the store's state is there
}

// Within returns the unit in which a byte of an undamaged store lies. file is one of
// Pebble's in the store's data directory, at counts bytes from its beginning. It is
// for tests of what is lost, and for who examines damage.
func Within(fs vfs.FS, file string, at int64) (u Unit, err error) {
	u = Unit{Nodes: map[codec.Hash]bool{}, Blobs: map[string]bool{}, Refs: map[string]bool{}, Staged: map[string]bool{}}
	f, err := fs.Open(file)
	if err != nil {
		return u, fmt.Errorf("pebblekv: within %s: %w", file, err)
	}
	name := fs.PathBase(file)
	switch {
	case isTable(name):
		err = u.table(f, at)
	case isValues(name):
		err = u.values(f, at)
	case isLog(name):
		digits, _, _ := strings.Cut(name, ".")
		var number uint64
		if number, err = strconv.ParseUint(digits, 10, 64); err == nil {
			err = u.log(f, number, at)
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return u, fmt.Errorf("pebblekv: within %s: %w", file, translate(err))
	}
	return u, nil
}

// add takes an entry. It keeps nothing of its bytes.
func (u *Unit) add(key, value []byte) {
	if len(key) < 2 {
		return
	}
	switch key[0] {
	case blobSpace:
		u.Blobs[string(key[1:])] = true
	case nodeSpace:
		if block, err := blockOf(value); err == nil {
			u.Nodes[codec.Sum(block)] = true
		}
	case refSpace:
		u.Refs[string(key[1:])] = true
	case logSpace:
		if ref, _, ok := parseLogKey(key); ok {
			u.Staged[string(ref)] = true
		}
	case metaSpace:
		u.State = true
	}
}

// blockAt calls f with the block of a file, unpacked, in which a byte lies.
func blockAt(file vfs.File, known []extent, at int64, f func(data []byte) error) error {
	for _, x := range known {
		if at < x.at || at >= x.at+x.length+trailerLen {
			continue
		}
		raw, _, err := soundBlock(file, x.at, x.length+trailerLen, nil)
		if err != nil {
			return err
		}
		if int64(len(raw)) != x.length+1 {
			return fmt.Errorf("%w: block at %d", kv.ErrCorrupt, x.at)
		}
		data, err := unpack(raw)
		if err != nil {
			return err
		}
		return f(data)
	}
	return nil
}

func (u *Unit) table(file vfs.File, at int64) error {
	known := (&rescue{}).tableIndex(file)
	return blockAt(file, known, at, func(data []byte) error {
		return eachCarved(data, func(c carved) error {
			u.add(c.key, c.value)
			return nil
		})
	})
}

func (u *Unit) values(file vfs.File, at int64) error {
	return blockAt(file, valuesIndex(file), at, func(data []byte) error {
		return eachValue(data, func(value []byte) error {
			u.Blobs[string(sha256Name(value))] = true
			return nil
		})
	})
}

func (u *Unit) log(file vfs.File, number uint64, at int64) error {
	var data []byte // the batch at hand
	from, to := -1, -1
	return eachChunk(file, number, func(c chunk) error {
		if c.place == chunkFull || c.place == chunkFirst {
			data, from, to = data[:0], -1, -1
		}
		if c.at <= at && at < c.at+int64(c.size) {
			from, to = len(data), len(data)+len(c.payload)
		}
		data = append(data, c.payload...)
		if from < 0 || c.place != chunkFull && c.place != chunkLast {
			return nil
		}
		for p := batchHeaderLen; p < len(data); {
			o, _, ok := parseOperation(data[p:])
			if !ok {
				return fmt.Errorf("%w: batch in front of %d", kv.ErrCorrupt, c.at+int64(c.size))
			}
			if p < to && p+o.size > from {
				u.add(o.key, o.value)
			}
			p += o.size
		}
		return nil
	}, func() error { return nil })
}
