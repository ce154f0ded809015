// Package others finds out how much of the machine's processors was used by
// others than this process and the processes it started: the kernel counts all
// that ran, and what these took. It does not tell who the others were, nor
// what they did to the disk.
//
//	/proc/stat: user + nice + system + irq + softirq + steal ──┐
//	                                                           ├─ less ─► others
//	rusage: this process, and its children that have ended ────┘
//
// Work that the kernel does by itself for a process, as writing its pages to the
// disk, counts as others'. Only Linux is asked; elsewhere nothing is known.
//
// Invariants, which the tests cite:
//
//	O1  What a child did before End is not others'.
//	O2  Where nothing is known, Share says so.
package others
