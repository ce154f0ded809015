package pebblekv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/sstable/colblk"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// The blocks of Pebble's files follow each other without a gap,
//
//	┌───────────────┬─────────────┬────────────────────┐
//	│ block         │ compression │ masked crc32c (LE) │ …
//	└───────────────┴─────────────┴────────────────────┘
//
// and so can be found without the index at the end of the file, which leads to
// nothing once a bit of it is damaged: a block ends where the checksum of what was
// read so far follows.
const (
	trailerLen  = block.TrailerLen
	carveAtOnce = 64 << 10 // within which most blocks end
	carveMost   = 4 << 20  // longer than any block: a blob is 1 MiB at most
)

// extent is where a block lies, without its trailer.
type extent struct{ at, length int64 }

// carve calls f with each sound block of a file, unpacked; what f keeps of it, it
// copies. Where blocks begin is known of some from an index: so it goes on after
// a damaged one.
func carve(file vfs.File, known []extent, f func(data []byte) error) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	var buf []byte
	for at, size := int64(0), info.Size(); at < size; {
		for len(known) > 0 && known[0].at < at {
			known = known[1:]
		}
		var raw []byte
		if raw, buf, err = soundBlock(file, at, size-at, buf); err != nil {
			return err
		}
		if raw != nil {
			at += int64(len(raw)) + trailerLen - 1
			data, err := unpack(raw)
			if err == nil {
				err = f(data)
			}
			if err != nil && !errors.Is(err, kv.ErrCorrupt) {
				return err
			}
			continue
		}
		switch {
		case len(known) > 0 && known[0].at == at:
			at, known = at+known[0].length+trailerLen, known[1:]
		case len(known) > 0:
			at = known[0].at
		default: // the footer, mostly
			return nil
		}
	}
	return nil
}

// soundBlock returns the block that begins at at, with the byte that says how it
// is compressed; nil when there is none. It lies in buf, which is returned as it
// has grown.
func soundBlock(file vfs.File, at, left int64, buf []byte) (raw, grown []byte, err error) {
	for _, most := range []int{carveAtOnce, carveMost} {
		if cap(buf) < most {
			buf = make([]byte, most)
		}
		buf = buf[:min(int64(most), left)]
		if n, err := file.ReadAt(buf, at); err != nil && !(errors.Is(err, io.EOF) && n == len(buf)) {
			return nil, buf, err
		}
		if n := blockEnd(buf); n > 0 {
			return buf[:n:n], buf, nil
		}
		if int64(len(buf)) == left {
			break
		}
	}
	return nil, buf, nil
}

// blockEnd is after how many bytes their checksum follows; 0: nowhere.
func blockEnd(b []byte) int {
	table, crc := castagnoli, ^uint32(0)
	for i := 0; i+trailerLen <= len(b); i++ {
		crc = table[byte(crc)^b[i]] ^ crc>>8
		if binary.LittleEndian.Uint32(b[i+1:]) == maskCRC(^crc) && i > 0 {
			return i + 1
		}
	}
	return 0
}

// crcOf is the checksum of b before it is masked.
func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func maskCRC(crc uint32) uint32 { return bits.RotateLeft32(crc, 17) + 0xa282ead8 }

// unpack decompresses a block whose last byte says how.
func unpack(raw []byte) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // an unknown way to compress
			err = fmt.Errorf("%w: block: %v", kv.ErrCorrupt, r)
		}
	}()
	how := block.CompressionIndicator(raw[len(raw)-1])
	raw = raw[:len(raw)-1]
	n, err := block.DecompressedLen(how, raw)
	if err == nil && n > 2*carveMost {
		err = fmt.Errorf("a block of %d bytes", n)
	}
	if err == nil {
		data = make([]byte, n)
		err = block.DecompressInto(how, raw, data)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: block: %w", kv.ErrCorrupt, err)
	}
	return data, nil
}

// carved is an entry of a table.
type carved struct {
	key      []byte
	trailer  uint64 // sequence number of Pebble's and kind
	value    []byte
	external bool // the value lies elsewhere
}

// The columns of a block of entries, of keys that are not split.
const (
	columnKey      = 0
	columnTrailer  = 2
	columnValue    = 4
	columnExternal = 5
	entryColumns   = 7
	entryHeader    = 4 // in front of the block's own
)

// eachCarved calls f with the entries of a block of a table. kv.ErrCorrupt when
// it is a block of another kind.
func eachCarved(data []byte, f func(carved) error) (err error) {
	defer recoverBlock(&err)
	if len(data) < entryHeader+7 || binary.LittleEndian.Uint16(data[entryHeader+1:]) != entryColumns {
		return fmt.Errorf("%w: no block of entries", kv.ErrCorrupt)
	}
	d := colblk.DecodeBlock(data, entryHeader)
	keys, trailers, values, external := d.PrefixBytes(columnKey), d.Uints(columnTrailer), d.RawBytes(columnValue), d.Bitmap(columnExternal)
	for i := range d.Rows() {
		if err := f(carved{keys.At(i), trailers.At(i), values.At(i), external.At(i)}); err != nil {
			return err
		}
	}
	return nil
}

// eachValue calls f with the values of a block of a file of values.
func eachValue(data []byte, f func(value []byte) error) (err error) {
	defer recoverBlock(&err)
	if len(data) < 7 || binary.LittleEndian.Uint16(data[1:]) != 1 {
		return fmt.Errorf("%w: no block of values", kv.ErrCorrupt)
	}
	d := colblk.DecodeBlock(data, 0)
	values := d.RawBytes(0)
	for i := range d.Rows() {
		if err := f(values.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// recoverBlock makes an error of a panic over bytes that are no block.
func recoverBlock(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: block: %v", kv.ErrCorrupt, r)
	}
}
