// Command compare tells how much faster or slower one revision is than another:
// it builds the test binary of a package at both, runs their benchmarks by
// turns, so that whatever slows the machine for a while falls on both, and has
// benchstat judge which differences are more than noise.
//
// It measures nothing by itself, changes nothing in the repository but for a
// worktree that it takes away again, and fetches nothing but benchstat, from the
// module proxy, in the version that benchstat/go.mod names.
//
//	go run ./bench/compare -base main -bench Fold -count 10 ./engine
//	go run ./bench/compare -base HEAD~3 -bench 'Engine/Update' ./bench -sizes 100k
//	go run ./bench/compare -base v1 -head v2 -bench . -o docs/compare.txt ./prolly
//
//	REV ── git worktree ── go test -c ──► base.test ─┐ by turns,   base.txt ─┐
//	                                                 ├ -count times          ├► benchstat ──► ratios
//	what is here, or -head REV ─────────► head.test ─┘             head.txt ─┘
//
// Invariants, which the tests cite:
//
//	X1  Both revisions run as often, and neither always first.
//	X2  No worktree and no file stays behind, whatever goes wrong.
//	X3  Without git it says that git is missing.
package main
