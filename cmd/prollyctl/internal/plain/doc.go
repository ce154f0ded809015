// Package plain makes any bytes fit to be shown on a terminal.
//
// It does not measure or wrap text, and it is no encoding for files: what it
// writes can be read by people, and told apart, which is all.
//
//	bytes                shown
//	h  é  漢  🙂          as they are
//	\                    \\
//	line feed, tab       \n \t
//	ESC, DEL, 0x9f       \x1b \x7f \u009f
//	0xff (not UTF-8)     \xff
//	U+202E, U+E000       \u202e \ue000
//
// Invariants, which the tests cite:
//
//	T1  What is written is valid UTF-8 without control, format, private or
//	    unassigned characters, the zero width joiner of emoji excepted.
//	T2  Different bytes are shown differently.
package plain
