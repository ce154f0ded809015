package pebblekv

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// formatVersion is the version of the layout of keys and files. It changes
// when an older release could no longer read what this one writes.
//
//	1  an id takes 12 bytes in the records of inner nodes and in the index
//	2  it takes as few as it can (record.go)
//
// Stores of the first are read and go on in the second: a batch that writes a state
// stands before all nodes of its generation (P1), so none of these is in a store that
// calls itself one of format 1.
const (
	formatVersion = 2
	oldestFormat  = 1
)

// digest is the XOR of a hash of each ref and of each log record's number, so
// that it follows a change without reading the rest. It finds damage and loss,
// not malice.
type digest [16]byte

func (d *digest) toggle(item digest) {
	subtle.XORBytes(d[:], d[:], item[:])
}

// refItem is what a ref adds to the digest; nothing when value is nil.
func refItem(name string, value []byte) digest {
	if value == nil {
		return digest{}
	}
	buf := append(make([]byte, 0, 512), 'r', byte(len(name)))
	buf = append(append(buf, name...), value...)
	return xxh3.Hash128(buf).Bytes()
}

// recordItem is what a log record adds to the digest.
func recordItem(ref string, seq uint64) digest {
	buf := append(make([]byte, 0, 128), 'l', byte(len(ref))) // room for most, on the stack
	buf = binary.BigEndian.AppendUint64(append(buf, ref...), seq)
	return xxh3.Hash128(buf).Bytes()
}

// state says what the store holds after a batch.
type state struct {
	sequence   uint64 // of the batch; the first is 1
	generation uint32 // highest of which an id may be stored
	nodes      uint64 // stored under ids, older copies too
	digest     digest // of refs and logs
}

// stateLen is the length of an encoded state in bytes.
const stateLen = 4 + 8 + 4 + 8 + len(digest{})

func (s state) put(dst []byte) {
	binary.BigEndian.PutUint32(dst, formatVersion)
	binary.BigEndian.PutUint64(dst[4:], s.sequence)
	binary.BigEndian.PutUint32(dst[12:], s.generation)
	binary.BigEndian.PutUint64(dst[16:], s.nodes)
	copy(dst[24:], s.digest[:])
}

func parseState(b []byte) (s state, err error) {
	if len(b) < 4 {
		return s, fmt.Errorf("%w: state record of %d bytes", kv.ErrCorrupt, len(b))
	}
	if err := checkFormat(binary.BigEndian.Uint32(b)); err != nil {
		return s, err
	}
	if len(b) != stateLen {
		return s, fmt.Errorf("%w: state record of %d bytes", kv.ErrCorrupt, len(b))
	}
	s.sequence = binary.BigEndian.Uint64(b[4:])
	s.generation = binary.BigEndian.Uint32(b[12:])
	s.nodes = binary.BigEndian.Uint64(b[16:])
	s.digest = digest(b[24:])
	return s, nil
}

func checkFormat(found uint32) error {
	if found < oldestFormat || found > formatVersion {
		return fmt.Errorf("%w: the store has format %d, this release reads %d to %d",
			kv.ErrFormat, found, oldestFormat, formatVersion)
	}
	return nil
}

// readState reads the state record.
func readState(r pebble.Reader) (s state, err error) {
	b, closer, err := r.Get(stateKey)
	if err == pebble.ErrNotFound {
		return s, fmt.Errorf("%w: no state record", kv.ErrCorrupt)
	}
	if err != nil {
		return s, err
	}
	s, err = parseState(b)
	if e := closer.Close(); err == nil {
		err = e
	}
	return s, err
}

// loadState reads the state record and all refs and log keys, compares them
// (P4), and follows the batches since that only appended to logs (P2).
func loadState(r pebble.Reader) (s state, logs map[string]*logState, err error) {
	if s, err = readState(r); err != nil {
		return s, nil, err
	}
	var found digest
	var since []uint64
	err = eachKey(r, refSpace, true, func(key, value []byte) error {
		found.toggle(refItem(string(key[1:]), value))
		return nil
	})
	if err != nil {
		return s, nil, err
	}
	logs = map[string]*logState{}
	err = eachKey(r, logSpace, true, func(key, value []byte) error {
		ref, seq, ok := parseLogKey(key)
		if !ok {
			return fmt.Errorf("%w: log key %x", kv.ErrCorrupt, key)
		}
		batch, _, err := parseRecord(value)
		if err != nil {
			return err
		}
		if batch > s.sequence {
			since = append(since, batch)
			s.digest.toggle(recordItem(string(ref), seq))
		}
		log := logs[string(ref)]
		if log == nil {
			log = &logState{}
			logs[string(ref)] = log
		}
		log.append(seq)
		found.toggle(recordItem(string(ref), seq))
		return nil
	})
	if err == nil && found != s.digest {
		err = fmt.Errorf("%w: refs or log records were lost or changed", kv.ErrCorrupt)
	}
	if err == nil {
		err = s.follow(since)
	}
	return s, logs, err
}

// follow brings the sequence up to that of the last of some batches, none of
// which may be missing.
func (s *state) follow(batches []uint64) error {
	slices.Sort(batches)
	for _, b := range slices.Compact(batches) {
		if b != s.sequence+1 {
			return fmt.Errorf("%w: batch %d is missing", kv.ErrCorrupt, s.sequence+1)
		}
		s.sequence = b
	}
	return nil
}

// eachKey calls f with every key of a space, and with its value when asked to;
// an empty value is not nil. Both are valid during the call only.
func eachKey(r pebble.Reader, space byte, values bool, f func(key, value []byte) error) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
	if err != nil {
		return err
	}
	defer func() {
		if e := it.Close(); err == nil {
			err = e
		}
	}()
	value := []byte{}
	for ok := it.First(); ok; ok = it.Next() {
		value = value[:0]
		if values {
			v, err := it.ValueAndErr()
			if err != nil {
				return err
			}
			value = append(value, v...)
		}
		if err := f(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Error()
}
