// Package engine is a durable, versioned map made of prolly trees in a key/value
// store: branches, staging, commits, transactions, snapshots.
package engine
