package prollyds

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// An expiry time is kept in the branch's side tree under the key of the entry
// that it is about:
//
//	│ Unix seconds, 8 bytes BE │ nanoseconds, 4 bytes BE │
const expiryLen = 12

func expiryBytes(t time.Time) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, expiryLen), uint64(t.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func parseExpiry(b []byte) (time.Time, error) {
	if len(b) != expiryLen {
		return time.Time{}, fmt.Errorf("%w: expiry time of %d bytes", engine.ErrCorrupt, len(b))
	}
	nanos := binary.BigEndian.Uint32(b[8:])
	if nanos >= uint32(time.Second) {
		return time.Time{}, fmt.Errorf("%w: expiry time with %d nanoseconds", engine.ErrCorrupt, nanos)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), int64(nanos)), nil
}

// expiries walks the side tree beside an iteration over the entries.
type expiries struct {
	next    func() (prolly.Entry, error, bool)
	stop    func()
	reverse bool
	begun   bool
	key     []byte // the walk's place; nil when it is over
	value   []byte
}

// expiriesOf begins the walk. Its stop must be called.
func expiriesOf(ctx context.Context, side tree, r prolly.Range) *expiries {
	next, stop := iter.Pull2(side.Range(ctx, r))
	return &expiries{next: next, stop: stop, reverse: r.Reverse}
}

func (x *expiries) step() error {
	x.begun, x.key = true, nil
	e, err, ok := x.next()
	if ok && err == nil {
		x.key, x.value = e.Key, e.Value.Bytes
	}
	return err
}

// at returns when key expires, the zero time when it does not. Keys must come
// in the order of the iteration.
func (x *expiries) at(key []byte) (time.Time, error) {
	for x.key != nil || !x.begun {
		c := bytes.Compare(x.key, key)
		if x.reverse {
			c = -c
		}
		if c == 0 {
			return parseExpiry(x.value)
		}
		if c > 0 && x.begun {
			break
		}
		if err := x.step(); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}
