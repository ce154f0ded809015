// Package prollyds is a github.com/ipfs/go-datastore kept in a branch of an
// engine: a key/value store with ordered queries, batches, transactions and
// expiry times, whose content is at any moment a tree that can be snapshot,
// compared, proved and synchronised.
//
// # What it does not do
//
// It keeps no history unless it is asked to (WithHistory): Sync makes durable,
// and folding what was staged into the tree happens by itself. It does not
// interpret keys beyond their order as strings of bytes, and has none longer
// than MaxKey. It does not look after writes that reach its branch by another
// way: such a write leaves the key's expiry time as it was, and removing a key
// so leaves an expiry time behind, which Check reports and Scrub removes.
//
// # Where things are
//
//	       Datastore                               engine.Branch
//	┌─────────────────────┐            ┌──────────────────────────────────┐
//	│ Put Delete Batch    │───────────►│ tree   "/blob/a" → value         │
//	│ Txn                 │  one step  │                                  │
//	│ PutWithTTL SetTTL   │───────────►│ side   "/blob/a" → seconds 8 BE, │
//	│ Query Entries Keys  │◄───────────│                    nanos 4 BE    │
//	└─────────────────────┘ one moment └──────────────────────────────────┘
//
// A key is its datastore.Key's bytes in both trees. The side tree has an entry
// for each key that expires; while it is empty, as in a store without expiry
// times, nothing looks at it. In a branch that was wrapped, keys that do not
// begin with a slash cannot be named and do not show, and a link reads as the
// bytes of its CID.
//
// # Durability
//
// Writes are atomic, in order, and visible when the call returns. By default
// they are durable at the next Sync, or before; after a crash those that
// survive are the first ones, without a gap. See WithDurability.
//
// # Invariants
//
//	D1  The suite of go-datastore passes, and every query gives what
//	    query.NaiveQueryApply gives over the same entries, in the same order
//	    when one was asked for and otherwise by key.
//	D2  A query ends with an error or is complete; after an error nothing comes.
//	D3  A query shows one moment: all of a batch or transaction or none of it,
//	    and every entry with the expiry time of that moment.
//	D4  An entry whose time has come is absent from every read.
//	D5  Whatever writes a key but PutWithTTL and SetTTL leaves it without an
//	    expiry time, in the same step.
//	D6  Has, GetSize and queries for keys read no value that stands out of line.
//	D7  A cancelled context ends every call, and every query under way.
//	D8  After Close everything answers engine.ErrClosed, results and
//	    transactions that are open included; Close again answers nil. What was
//	    lent stays open.
//	D9  Closed results leave no goroutine, no pin and no memory behind.
//	D10 A transaction commits only if what it read is still so.
package prollyds
