package codec

// Node is a zero-copy view of a node's block.
type Node struct{}
