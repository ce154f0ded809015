// Command longwrite writes to a store until gigabytes of nodes are in it, and
// tells what that cost the device and the writers: write amplification, how long
// writes took, and what the store was doing in those that took long.
//
// It compares with nothing and reads nothing back. Every write is a batch of
// updates of random entries and a root; it waits for the disk only with -sync.
//
//	go run ./bench/longwrite -gib 4                 nodes written behind
//	go run ./bench/longwrite -gib 4 -log            nodes through Pebble's log
//	go run ./bench/longwrite -gib 4 -edits 1000 -writers 2
//
//	load -n entries ──► writers: batch, root, batch, root … ──► -gib of nodes
//	                       │ time of each                        │ metrics, once Pebble rests
//	                       ▼                                     ▼
//	events of the store ─► stalls and their causes          write amplification
//
// Invariants, which the tests cite:
//
//	W1  Amplification is all that was written to files, the log and what leads to
//	    nodes included, less the keys and values of the edits once, over the bytes
//	    of the nodes made.
//	W2  A write longer than -stall is told, with what overlapped it (L1 of package
//	    stall).
//	W3  The exit status is 1 when what is to be reached is not: 1.1 behind, 2.1
//	    through the log, 100 ms for 999 of 1,000 writes.
package main
