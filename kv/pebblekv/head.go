package pebblekv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// The head record is the store's memory of what it acknowledged, kept outside
// Pebble because Pebble, given a damaged manifest or log, may open an older or
// a partial state without an error. HEAD holds two slots, a page apart, that are
// written in turn: a crash tears one at most.
//
//	0                 8        12         20       36       40
//	┌─────────────────┬────────┬──────────┬────────┬────────┐
//	│ magic           │ format │ sequence │ digest │ crc32c │   at 0 and at 4096
//	└─────────────────┴────────┴──────────┴────────┴────────┘
const (
	headName   = "HEAD"
	headMagic  = "prollyHD"
	slotLen    = 8 + 4 + 8 + len(digest{}) + 4
	slotStride = 4096
	headLen    = 2 * slotStride
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// slot is what a slot says.
type slot struct {
	sequence uint64
	digest   digest
}

func (s slot) encode() []byte {
	b := make([]byte, 0, slotLen)
	b = append(b, headMagic...)
	b = binary.BigEndian.AppendUint32(b, formatVersion)
	b = binary.BigEndian.AppendUint64(b, s.sequence)
	b = append(b, s.digest[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// errTorn: a slot that was not written to its end, or was damaged.
var errTorn = errors.New("slot is torn or damaged")

func parseSlot(b []byte) (s slot, err error) {
	sum := slotLen - 4
	if string(b[:8]) != headMagic || crc32.Checksum(b[:sum], castagnoli) != binary.BigEndian.Uint32(b[sum:]) {
		return s, errTorn
	}
	if err := checkFormat(binary.BigEndian.Uint32(b[8:])); err != nil {
		return s, err
	}
	return slot{sequence: binary.BigEndian.Uint64(b[12:]), digest: digest(b[20:])}, nil
}

// head is the open HEAD file. It belongs to whoever syncs.
type head struct {
	f      vfs.File
	newest slot
	next   int // the slot to write next
}

// createHead writes a HEAD with both slots.
func createHead(fs vfs.FS, dir string, s slot) error {
	f, err := fs.Create(fs.PathJoin(dir, headName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	page := make([]byte, headLen)
	copy(page, s.encode())
	copy(page[slotStride:], s.encode())
	if _, err = f.Write(page); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// openHead reads HEAD and keeps it open for writing, unless readOnly.
func openHead(fs vfs.FS, dir string, readOnly bool) (*head, error) {
	path := fs.PathJoin(dir, headName)
	if _, err := fs.Stat(path); err != nil { // because opening for writing creates
		return nil, fmt.Errorf("%w: head record: %w", kv.ErrCorrupt, err)
	}
	var f vfs.File
	var err error
	if readOnly {
		f, err = fs.Open(path)
	} else {
		f, err = fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	}
	if err != nil {
		return nil, err
	}
	h := &head{f: f}
	if err := h.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// read takes the newest sound slot. Two bad slots are an error, as is a slot
// of another format.
func (h *head) read() error {
	page := make([]byte, headLen)
	if n, err := h.f.ReadAt(page, 0); err != nil && err != io.EOF {
		return fmt.Errorf("head record: %w", err)
	} else if n < headLen {
		clear(page[n:])
	}
	sound := 0
	for i := range 2 {
		s, err := parseSlot(page[i*slotStride:])
		switch {
		case errors.Is(err, kv.ErrFormat):
			return err
		case err != nil:
			continue
		case sound == 0 || s.sequence > h.newest.sequence:
			h.newest, h.next = s, 1-i
		}
		sound++
	}
	if sound == 0 {
		return fmt.Errorf("%w: both slots of the head record are damaged", kv.ErrCorrupt)
	}
	return nil
}

// compare tells whether a state may be what the head record left behind (P3).
func (h *head) compare(found state) error {
	switch {
	case found.sequence < h.newest.sequence:
		return fmt.Errorf("%w: it stands at batch %d, and %d was acknowledged as durable",
			kv.ErrRollback, found.sequence, h.newest.sequence)
	case found.sequence == h.newest.sequence && found.digest != h.newest.digest:
		return fmt.Errorf("%w: refs at batch %d are not those acknowledged as durable",
			kv.ErrCorrupt, found.sequence)
	}
	return nil
}

// write makes s the newest slot, durably.
func (h *head) write(s slot) error {
	if _, err := h.f.WriteAt(s.encode(), int64(h.next)*slotStride); err != nil {
		return fmt.Errorf("head record: %w", err)
	}
	if err := h.f.SyncData(); err != nil {
		return fmt.Errorf("head record: %w", err)
	}
	h.newest, h.next = s, 1-h.next
	return nil
}

func (h *head) close() error { return h.f.Close() }
