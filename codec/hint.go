package codec

// Hint says where a store keeps a node. It stands in no block: it is opaque to
// everyone but the store, may be stale, and is never trusted, for whatever is read
// at a hint is checked against the hash it was asked for. The zero Hint says
// nothing.
type Hint [16]byte
