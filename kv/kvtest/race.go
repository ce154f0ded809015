//go:build race

package kvtest

// raceFactor is by how much sweeps are shorter under the race detector, which
// makes Pebble check its own invariants too.
const raceFactor = 10
