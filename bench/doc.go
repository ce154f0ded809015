// Package bench measures the project: named workloads × keys × values × sizes
// over the codec, the tree in memory (prolly), the engine on Pebble, and the
// go-datastore. It holds nothing but benchmarks.
//
// It does not compare with other stores: that is the module in peers, which
// keeps their imports out of this one, runs one process for each figure, and
// writes BENCHMARKS.md. It does not compare revisions: that is the command in
// compare. All take their data from dataset.
//
//	go test ./bench -run '^$' -bench . -benchtime 1x              a few minutes
//	go test ./bench -run '^$' -bench Engine/Diff -sizes 100k,1M,10M
//	go test ./bench -run '^$' -bench Get -keys blob -values 100B,mixed
//
//	Benchmark<Subject>/<Workload>/keys=<shape>/values=<shape>/n=<entries>
//	  Codec              Parse Find Append Sum
//	  Prolly             Load Batches Get Scan Prefix PutRoot Update
//	  Engine             Diff1 Diff100 Diff10000 At Rank Prove Verify
//	  Datastore          and Put, where writes are staged
//
// Figures beside the time of an operation and its allocations:
//
//	entries/s      entries loaded or yielded in a second
//	node-B/edit    bytes of new nodes, for each edit
//	nodes/diff     nodes visited in both trees, whether a cache had them or not
//	disk-B/entry   files of the store after a flush, for each entry in it
//	write-amp      bytes that went to files, the log and values beside nodes
//	               included, over those of nodes
//	peak-MiB       the most on the heap, the data that is loaded included
//	p99-ms         of the operation, where the mean hides much
//
// Invariants, which the tests cite:
//
//	N1  A workload checks what it got; one that is wrong fails and has no figure.
//	N2  Every workload runs, small, with the tests.
package bench
