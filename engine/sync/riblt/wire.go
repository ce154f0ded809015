package riblt

import "encoding/binary"

// A symbol on the wire:
//
//	│ sum, 8 bytes LE │ check, 4 bytes LE │ count less the expected one, zigzag LEB128 │
//
// Of a set of n ids symbol i is expected to have 2n/(i+2).

// minSymbol is how few bytes a symbol may take.
const minSymbol = 8 + 4 + 1

func expected(n, i uint64) int64 { return int64(2 * n / (i + 2)) }

// AppendSymbols appends symbols, the first of which has index from, of a set of
// n ids.
func AppendSymbols(dst []byte, symbols []Symbol, from int, n uint64) []byte {
	for i, s := range symbols {
		dst = binary.LittleEndian.AppendUint64(dst, s.Sum)
		dst = binary.LittleEndian.AppendUint32(dst, s.Check)
		dst = binary.AppendVarint(dst, s.Count-expected(n, uint64(from+i)))
	}
	return dst
}

// ReadSymbols reads all symbols in b. It allocates less than twice its length.
func ReadSymbols(b []byte, from int, n uint64) ([]Symbol, error) {
	if n > MaxSymbols<<8 {
		return nil, ErrMalformed
	}
	out := make([]Symbol, 0, len(b)/minSymbol)
	for len(b) > 0 {
		if len(b) < minSymbol {
			return nil, ErrMalformed
		}
		s := Symbol{Sum: binary.LittleEndian.Uint64(b), Check: binary.LittleEndian.Uint32(b[8:])}
		count, k := binary.Varint(b[12:])
		if k <= 0 || count > MaxSymbols<<8 || count < -MaxSymbols<<8 {
			return nil, ErrMalformed
		}
		s.Count = count + expected(n, uint64(from+len(out)))
		out, b = append(out, s), b[12+k:]
	}
	return out, nil
}
