// Package dataset makes the entries that benchmarks store. The standard set has
// keys of 62 bytes, "/blob/" and 56 random characters, and values of 100 random
// bytes; others have another KeyShape or ValueShape.
//
// It measures nothing and keeps nothing. Entry i is a function of the seed and
// i alone, so that any part of a set is made without the rest, by any process:
//
//	i        0        1        2    …           entries, in random key order
//	key      /blob/k3…  /blob/za…   …           62 bytes
//	value    version 0, 1, 2 …                  100 bytes each
//
// Invariants, which the tests cite:
//
//	D1  The same seed gives the same bytes, on every machine and release.
//	D2  Keys of one set differ from each other, and values of one key by version.
package dataset
