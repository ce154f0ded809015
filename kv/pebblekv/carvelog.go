package pebblekv

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// A log of Pebble's consists of blocks of 32 KiB, and those of chunks,
//
//	┌──────────────┬────────────┬──────┬────────┬──────────────┬─────────┐
//	│ masked crc32c│ length (2) │ type │ number │ synced up to │ payload │ …
//	│ (LE)         │            │      │ (4)    │ (8)          │         │
//	└──────────────┴────────────┴──────┴────────┴──────────────┴─────────┘
//
// whose payloads make batches: one chunk (full), or several (first, middle …,
// last). Pebble stops at the first damaged one. But what follows it is found
// again: the next chunk, because it is one only if its checksum is right, and
// within a batch the next operation, because all from there on are well formed.
// So of a log nothing is lost but the operations of which a byte lies in a
// damaged chunk.
const (
	logBlock       = 32 << 10
	chunkShort     = 11 // header without "synced up to"
	chunkLong      = 19
	batchHeaderLen = 12 // sequence number (8, LE), count (4, LE)
)

// chunkPlace is where in its batch a chunk stands.
type chunkPlace uint8

const (
	chunkFull chunkPlace = iota
	chunkFirst
	chunkMiddle
	chunkLast
)

// chunk is a sound chunk of a log.
type chunk struct {
	at      int64 // of its header, in the file
	size    int   // header and payload, in bytes
	place   chunkPlace
	payload []byte // valid until the next one
}

// parseChunk takes the chunk with which b begins, if it is a sound one of the log
// with this number.
func parseChunk(b []byte, number uint32) (c chunk, ok bool) {
	if len(b) < chunkShort {
		return c, false
	}
	header, kind := chunkLong, b[6]
	switch {
	case kind >= 5 && kind <= 8:
		header, kind = chunkShort, kind-5
	case kind >= 9 && kind <= 12:
		kind -= 9
	default:
		return c, false
	}
	size := header + int(binary.LittleEndian.Uint16(b[4:]))
	if size > len(b) || binary.LittleEndian.Uint32(b[7:]) != number {
		return c, false
	}
	if binary.LittleEndian.Uint32(b) != maskCRC(crcOf(b[6:size])) {
		return c, false
	}
	return chunk{size: size, place: chunkPlace(kind), payload: b[header:size]}, true
}

// eachChunk calls f with the sound chunks of a log, and gap where something before the
// next one is not sound.
func eachChunk(file vfs.File, number uint64, f func(chunk) error, gap func() error) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, logBlock)
	for from := int64(0); from < info.Size(); from += logBlock {
		block := buf[:min(logBlock, info.Size()-from)]
		if n, err := file.ReadAt(block, from); err != nil && !(errors.Is(err, io.EOF) && n == len(block)) {
			return err
		}
		for at := 0; at < len(block); {
			c, ok := parseChunk(block[at:], uint32(number))
			if !ok {
				if len(block)-at < chunkLong && allZero(block[at:]) {
					break // no room was left
				}
				if err := gap(); err != nil {
					return err
				}
				for at++; at < len(block) && !ok; at++ {
					c, ok = parseChunk(block[at:], uint32(number))
				}
				if !ok {
					break
				}
				at--
			}
			c.at = from + int64(at)
			at += c.size
			if err := f(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// logRun is what lies of a batch between two gaps.
type logRun struct {
	data   []byte // valid until the next one
	begins bool   // with the header of the batch
	ends   bool   // with its last operation
}

// carveLog calls f with what is sound in a log, in order.
func carveLog(file vfs.File, number uint64, f func(logRun) error) error {
	var run logRun
	open := false
	gap := func() error {
		if !open {
			return nil
		}
		open = false
		return f(run)
	}
	err := eachChunk(file, number, func(c chunk) error {
		if c.place == chunkFull || c.place == chunkFirst {
			if err := gap(); err != nil {
				return err
			}
			run.begins = true
		} else if !open {
			run.begins = false
		}
		if !open {
			run.data = run.data[:0]
		}
		open = true
		run.data = append(run.data, c.payload...)
		if run.ends = c.place == chunkFull || c.place == chunkLast; run.ends {
			return gap()
		}
		return nil
	}, gap)
	return errors.Join(err, gap())
}

// operation is one of a batch.
type operation struct {
	kind       byte
	key, value []byte // value of a kindRangeDelete: up to where
	size       int    // in the batch, in bytes
}

// parseOperation takes the operation with which data begins. cut tells that it goes on
// beyond the end of data.
func parseOperation(data []byte) (o operation, cut, ok bool) {
	if len(data) == 0 {
		return o, true, false
	}
	o.kind = data[0]
	at := 1
	take := func() (s []byte, ok bool) {
		n, width := binary.Uvarint(data[at:])
		if width < 0 || width == 0 && len(data)-at >= binary.MaxVarintLen32 || n > maxBatch {
			return nil, false
		}
		if width == 0 || uint64(len(data)-at-width) < n {
			cut = true
			return nil, false
		}
		s = data[at+width : at+width+int(n)]
		at += width + int(n)
		return s, true
	}
	if o.key, ok = take(); !ok {
		return o, cut, false
	}
	switch o.kind {
	case kindSet, kindRangeDelete, kindDeleteSized:
		o.value, ok = take()
	case kindDelete, kindLogData:
	default:
		ok = false // we write no others
	}
	o.size = at
	return o, cut, ok
}

// wellFormed tells whether it is an operation as a store writes it.
func (o operation) wellFormed() bool {
	if len(o.key) < 2 {
		return false
	}
	if o.kind == kindRangeDelete {
		return string(o.key) < string(o.value) && o.value[0]-o.key[0] <= 1
	}
	set := o.kind == kindSet
	switch o.key[0] {
	case blobSpace:
		return isMultihash(o.key[1:])
	case hashSpace:
		_, ok := parsePlace(o.value)
		return len(o.key) == hashKeyLen && (!set || ok)
	case logSpace:
		_, _, ok := parseLogKey(o.key)
		return ok && (!set || len(o.value) >= sequenceLen)
	case metaSpace:
		return string(o.key) == string(stateKey) && (!set || len(o.value) == stateLen)
	case nodeSpace:
		_, err := blockOf(o.value)
		return len(o.key) == nodeKeyLen && (!set || err == nil)
	case refSpace:
		return len(o.key) <= 1+kv.MaxName
	}
	return false
}

func isMultihash(b []byte) bool {
	_, n := binary.Uvarint(b)
	if n <= 0 {
		return false
	}
	length, m := binary.Uvarint(b[n:])
	return m > 0 && uint64(len(b)-n-m) == length
}

// firstOperation is where the first operation begins of a run that follows a gap: from
// there on all are well formed, and the last one ends where the batch does, if that is
// known.
func firstOperation(run logRun) int {
	for at := range run.data {
		if chained(run.data[at:], run.ends) {
			return at
		}
	}
	return len(run.data)
}

func chained(data []byte, ends bool) bool {
	for n := 0; len(data) > 0; n++ {
		o, cut, ok := parseOperation(data)
		if cut {
			return !ends && n > 0
		}
		if !ok || !o.wellFormed() {
			return false
		}
		data = data[o.size:]
	}
	return true
}

// log takes the operations of a log. Behind a gap it is not known how many were in it:
// they get the lowest sequence numbers that they may have had, which keeps them in order.
func (r *rescue) log(file vfs.File) error {
	r.next = max(r.next, r.highest+1)
	return carveLog(file, r.number, func(run logRun) error {
		data, end := run.data, uint64(0)
		if run.begins && len(data) >= batchHeaderLen {
			r.next = binary.LittleEndian.Uint64(data)
			end = r.next + uint64(binary.LittleEndian.Uint32(data[8:]))
			data = data[batchHeaderLen:]
		} else {
			data = data[firstOperation(run):]
		}
		for {
			o, _, ok := parseOperation(data)
			if !ok {
				break
			}
			data = data[o.size:]
			if o.kind == kindLogData {
				continue
			}
			if o.kind == kindSet && o.value == nil {
				o.value = []byte{}
			}
			if err := r.entry(o.key, r.next, o.kind, o.value); err != nil {
				return err
			}
			r.next++
		}
		if run.ends {
			r.next = max(r.next, end)
		}
		return nil
	})
}
