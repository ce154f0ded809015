// Command peers compares the project with other stores: same data, same cache,
// same durability, one process for each figure, and writes BENCHMARKS.md. It is
// a module of its own, so that the stores it compares with are no dependencies
// of the project.
//
// It holds no workload, no store and no table: those are in the packages below.
//
//	go run . -n 1000000 -reps 3 -o ../../BENCHMARKS.md      all of it
//	go run . -peers 'raw Pebble;engine' -workloads get      some of it
//	go run . -workloads update -profiles /tmp               with CPU profiles
//	go run . -only-scaling -scaling 10000,100000,1000000    cost by size alone
//
// A run can be made in parts, each into a file, of which one report is made.
// The store that others read is loaded in each part.
//
//	go run . -n 1000000 -workloads get,cold,scan -json a.json
//	go run . -n 1000000 -workloads update,diff -json b.json
//	go run . -from a.json,b.json -o ../../BENCHMARKS.md -plots ../../docs/bench
//
// The peers that are heavy to build are in the module all below this one, whose
// command is this one with their columns:
//
//	cd all && CGO_ENABLED=1 go run -tags pebblegozstd . -n 1000000 -reps 3 -o ../../../BENCHMARKS.md
//
//	run     plan: for each repetition, workload, peer
//	          │
//	          ▼ one process each: peers -cell {…}
//	cell ── workloads ──► peer ── stores ──► engine, prollyds, Pebble, …
//	          │
//	          ▼ results
//	report ── medians, ratios, digests compared ──► BENCHMARKS.md
//
// A new peer is a file in package peer and a line in its list; a new workload is
// a function in package cell, a line in its list, and lines in report's rows.
//
// Invariants, which the tests cite:
//
//	C1  Every peer goes through every workload, alone in its process.
//	C2  A failed or wrong cell is in the report, and the exit status is 1.
package main
