// Package bench measures the project: named workloads × sizes over the tree in
// memory (prolly), the engine on Pebble, and the go-datastore. It holds nothing
// but benchmarks.
//
// It does not compare with other stores: that is the module in peers, which
// keeps their imports out of this one, runs one process for each figure, and
// writes BENCHMARKS.md. Both take their data from dataset.
//
//	go test ./bench -run '^$' -bench . -benchmem                  100,000 entries
//	go test ./bench -run '^$' -bench Engine/Diff -sizes 100k,1M
//
//	Benchmark<Subject>/<Workload>/<entries>
//	  Prolly             Load Batches Get Scan Prefix PutRoot
//	  Engine             Update Diff1 Diff100 Diff10000 At Rank Prove
//	  Datastore          and Put, where writes are staged; Verify and Verify32,
//	                     which need no store
//
// Figures beside the time of an operation:
//
//	entries/s      entries loaded or yielded in a second
//	node-B/edit    bytes of new nodes, for each edit
//	nodes/diff     nodes visited in both trees, whether a cache had them or not
//	disk-B/entry   files of the store after a flush, for each entry in it
//	p99-ms         of the operation, where the mean hides much
//	p99-B          of a proof, in bytes
//
// Invariants, which the tests cite:
//
//	N1  A workload checks what it got; one that is wrong fails and has no figure.
//	N2  Every workload runs, small, with the tests.
package bench
