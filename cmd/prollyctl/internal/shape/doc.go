// Package shape sums up the nodes of a tree: how many of them there are on each
// level, and how much they weigh.
//
// It looks at no bytes but the nodes it is given, and does not judge them:
// whether a tree is well formed is for the engine's check to say.
//
//	level 2                 [ root ]                 nodes, bytes of their blocks,
//	level 1         [  ] [   ]  …  [  ] [   ]        and of their weights the least,
//	level 0    [ ][  ][ ][ ]  …  [  ][ ][ ][  ]      mean, greatest, p99 and cv
//
// Invariants, which the tests cite:
//
//	S1  The figures do not depend on the order of the nodes.
//	S2  Memory does not depend on how many nodes there are.
package shape
