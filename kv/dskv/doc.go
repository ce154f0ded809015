// Package dskv keeps a store in any go-datastore, so that a tree can live
// wherever its owner keeps other things already.
//
// It asks nothing of the datastore beyond Datastore; Batching makes it faster.
// It does not close the datastore, which stays its owner's. It cannot lock it
// either: compare-and-swap holds among the users of one Store, so that a datastore
// must not be written to through two of them, in whatever processes. It keeps no
// hints; blocks lie under their names.
//
//	/f               → format version
//	/n/HASH          → block of a node
//	/b/MULTIHASH     → block of a blob
//	/l/REF/EPOCH/SEQ → log record, crc32c
//	/r/REF           → head: which records of the log count, and the ref's value
//
// Names are in base32 with the alphabet that keeps their order (0-9, A-V).
//
// A datastore promises nothing about two writes together, or about their order
// before a Sync. So a batch writes its blocks and log records, syncs, and then
// writes one record, the head of its ref, that makes them count:
//
//	blocks, log records ─► Sync ─► /r/REF
//
// Invariants, beside those of kv:
//
//	D1  One write moves a ref together with its log.
//	D2  A head is written only after a Sync of all that was written before it;
//	    so each batch with a ref costs a Sync of the datastore.
//	D3  A log record counts if its epoch is that of the head and its number is
//	    above the head's floor and not above its last. Others were trimmed, or
//	    are remains of what was cut short. They are removed once the head that
//	    does not count them is durable.
//	D4  Blocks may be seen before their batch is committed, refs and logs never.
package dskv
