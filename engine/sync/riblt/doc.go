// Package riblt finds the difference of two sets of 64-bit ids by coded
// symbols: a rateless invertible Bloom lookup table (Yang, Gilad, Alizadeh,
// "Practical Rateless Set Reconciliation", arXiv 2402.02668), with the size of the
// difference estimated beforehand from signed sums (Alon, Matias, Szegedy).
//
// It does no I/O, knows nothing of trees, and does not make ids: two things with
// one id are one thing to it. It proves nothing: who uses the result checks it
// against a digest of the whole.
//
// Every id is added to coded symbol 0, and to symbol i with the probability
// 1/(1+i/2); to which ones follows from the id alone:
//
//	symbol       0      1      2      3      4      5   …
//	id a         x      x             x
//	id b         x             x      x             x
//	id c         x      x                    x
//	             │      │
//	             │      └ sum = a^c, check = h(a)^h(c), count = 2
//	             └ sum = a^b^c, …
//
// Subtracting the other set's symbols leaves those of the difference. A symbol
// in which one id is left gives it away; taken out of the others it belongs to, it
// uncovers more, until all are empty.
//
// Invariants, which tests cite:
//
//	S1  The symbols of an id are the same on every machine: integers decide.
//	S2  The first m symbols of a set are a prefix of its first n, m < n.
//	S3  Decode gives the exact difference, or says that it cannot, with the
//	    probability of a collision of 32 bits an id as the only exception.
//	S4  Decode ends after as many steps as the symbols allow, whatever they are.
package riblt
