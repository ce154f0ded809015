// Command prollyctl works on a prolly store from the command line: puts, gets,
// loads and dumps entries, commits, compares and travels through versions, and
// looks inside the tree.
//
// It holds no logic of the store: every command is a few calls of package
// engine and the printing of what they return. It does not serve a store to
// others, and holds it only as long as one command runs.
//
//	main ─► run ─► cobra ─► newGet, newPut, …            one file a noun
//	                          │
//	                 app.reading / app.writing           open, call, close
//	                          │
//	                       session ─► engine, prolly
//	                          │
//	         internal/rows   files of entries  ⇄ sequences
//	         internal/djson  bytes and links   ⇄ JSON
//	         internal/plain  any bytes         ─► what a terminal may see
//	         internal/shape  nodes             ─► figures
//
// Invariants, which the tests cite:
//
//	C1  The exit status is 0; 1 when a key was not found, when two trees
//	    differ, when check found a problem or when a proof is refuted; 2 for a
//	    wrong command line and for every failure.
//	C2  A command that reads leaves every byte of the store as it was.
//	C3  A command that fails has changed nothing, or says what it changed.
//	C4  Results go to stdout, everything else to stderr. With -o json stdout is
//	    one JSON document, with -o jsonl one a line.
//	C5  Text output never carries what a terminal would act on. The exceptions are
//	    asked for: get, dump, show --raw, prove and verify --get into a file or
//	    pipe write bytes as they are.
package main
