// Package rows reads and writes entries as text files, one row an entry.
//
// It knows nothing of stores: it turns a file into a sequence of entries, in
// the file's order, and entries into a file. It neither sorts nor removes
// duplicates, and holds one row at a time.
//
//	jsonl   {"key":"a","value":"1"}           any entry; bytes and links as in djson
//	csv     a,1   or   "a","say ""1"""        RFC 4180; bytes of any kind, no links
//	lines   a <tab> 1                         nothing is escaped: no tab in a key,
//	                                          no line feed anywhere, no links
//
// Invariants, which the tests cite:
//
//	L1  Read(Write(entries)) is entries; what a format cannot carry is refused
//	    by the writer, with the key named.
//	L2  Every error about a row is a LineError: file and line, counted from 1,
//	    of the row's beginning.
//	L3  Memory is bounded by the longest row, and a row by MaxRow.
package rows
