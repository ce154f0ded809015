package dskv

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// head is the record of a ref: its value, and which records of its log count
// (D3). A ref that was removed keeps a head, so that its epoch is not used
// again.
type head struct {
	value []byte // nil: no such ref
	epoch uint64 // of the log; a log that begins anew gets another
	floor uint64 // records up to here are gone
	last  uint64 // highest record of the epoch
}

// top is the highest number in the log, 0 when it is empty.
func (h head) top() uint64 {
	if h.last <= h.floor {
		return 0
	}
	return h.last
}

// counts tells whether a record is in the log.
func (h head) counts(epoch, seq uint64) bool {
	return epoch == h.epoch && seq > h.floor && seq <= h.last
}

// passed tells whether a record was in the log, or its number, and never will
// be again.
func (h head) passed(epoch, seq uint64) bool {
	return epoch < h.epoch || epoch == h.epoch && seq <= h.floor
}

// append makes room for a record above all others.
func (h *head) append(seq uint64) {
	if seq <= h.floor { // an emptied log may begin lower again
		h.restart()
	}
	h.last = seq
}

// trim drops the records up to and including seq.
func (h *head) trim(seq uint64) { h.floor = max(h.floor, min(seq, h.last)) }

// restart drops all records.
func (h *head) restart() { h.epoch, h.floor, h.last = h.epoch+1, 0, 0 }

func (h head) encode() []byte {
	b := make([]byte, 0, 1+3*8+len(h.value)+sumLen)
	exists := byte(0)
	if h.value != nil {
		exists = 1
	}
	b = append(b, exists)
	b = binary.BigEndian.AppendUint64(b, h.epoch)
	b = binary.BigEndian.AppendUint64(b, h.floor)
	b = binary.BigEndian.AppendUint64(b, h.last)
	return seal(append(b, h.value...))
}

func parseHead(b []byte) (h head, err error) {
	b, err = unseal(b)
	if err == nil && (len(b) < 1+3*8 || b[0] > 1 || b[0] == 0 && len(b) > 1+3*8) {
		err = fmt.Errorf("%w: head of %d bytes", kv.ErrCorrupt, len(b))
	}
	if err != nil {
		return h, err
	}
	h.epoch = binary.BigEndian.Uint64(b[1:])
	h.floor = binary.BigEndian.Uint64(b[9:])
	h.last = binary.BigEndian.Uint64(b[17:])
	if b[0] == 1 {
		h.value = append([]byte{}, b[25:]...)
	}
	return h, nil
}

// sumLen is the length of a checksum in bytes.
const sumLen = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends a checksum.
func seal(b []byte) []byte { return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)) }

// unseal checks and takes off the checksum.
func unseal(b []byte) ([]byte, error) {
	n := len(b) - sumLen
	if n < 0 || crc32.Checksum(b[:n], castagnoli) != binary.BigEndian.Uint32(b[n:]) {
		return nil, fmt.Errorf("%w: checksum", kv.ErrCorrupt)
	}
	return b[:n], nil
}
