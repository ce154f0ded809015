package prolly

import "github.com/go-ds-prolly/go-ds-prolly/codec"

// Node is a decoded node.
type Node struct {
	codec.Node
	hints []Hint
}
