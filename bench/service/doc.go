// Command service measures a service of spaces under many clients: how many
// syncs a second it answers, how long one takes, and how much memory it needs.
//
// The service is the one of "prollyctl space serve", in a process of its own, on
// a Pebble store in a temporary directory; clients are in the process that
// measures, and share the machine with it. It does not measure the bytes of
// blobs, nor networks: everything goes over the loopback.
//
//	go run ./bench/service                              10,000 spaces, 64 clients, 2 minutes
//	go run ./bench/service -spaces 100 -for 5s
//	go run ./bench/service -pprof /tmp -o json
//
//	measuring process                         service (kill its standard input: it ends)
//	 64 clients, each with spaces of its own
//	   provision: first sync of each space  ──►  space/did:key:… × 10,000
//	   round: 3 entries, now and then an    ──►  engine ──► Pebble, synced
//	   invocation, into one of its spaces;
//	   sync; time of the HTTP exchange      ◄──  answer, receipts
//	 at the end: metrics, peak of memory    ◄──  audit of spaces, as JSON
//
// Invariants, which the tests cite:
//
//	V1  Every sync is answered, leads both sides to one root, and every invocation
//	    that was queued has been run, once.
//	V2  The audit finds nothing wrong with the spaces it looks at: usage is the sum
//	    of the allocations.
//	V3  The service holds no more spaces in memory than it is told to, however
//	    many there are.
package main
