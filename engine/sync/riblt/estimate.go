package riblt

import (
	"encoding/binary"
	"errors"
)

// Counters is how many signed sums an Estimator has: the standard error of an
// estimate is sqrt(2/Counters), an eighth.
const Counters = 128

// Estimator keeps sums of +1 or -1 for each id of a set, the sign drawn from the
// id anew for each sum. The squared difference of two sets' sums is, on average,
// the size of their difference.
type Estimator [Counters]int32

// Add adds an id.
func (e *Estimator) Add(id uint64) {
	for w := range uint64(Counters / 64) {
		signs := mix(id ^ (w+1)*0xd6e8feb86659fd93)
		part := e[w*64 : w*64+64]
		for i := range part {
			part[i] += int32(signs>>i&1)*2 - 1
		}
	}
}

// Difference estimates how many ids only one of the sets has.
func (e *Estimator) Difference(o *Estimator) float64 {
	var sum float64
	for i := range e {
		d := float64(e[i]) - float64(o[i])
		sum += d * d
	}
	return sum / Counters
}

// ErrMalformed: bytes that are no encoded estimator or symbols.
var ErrMalformed = errors.New("riblt: malformed")

// Append appends e in zigzag LEB128.
func (e *Estimator) Append(dst []byte) []byte {
	for _, v := range e {
		dst = binary.AppendVarint(dst, int64(v))
	}
	return dst
}

// ReadEstimator reads what Append wrote, and returns what follows.
func ReadEstimator(b []byte) (e Estimator, rest []byte, err error) {
	for i := range e {
		v, n := binary.Varint(b)
		if n <= 0 || v != int64(int32(v)) {
			return e, nil, ErrMalformed
		}
		e[i], b = int32(v), b[n:]
	}
	return e, b, nil
}
