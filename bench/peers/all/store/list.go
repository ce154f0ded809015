package store

import "github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"

// All lists the peers in the order of their columns.
func All() []peer.Peer { return []peer.Peer{doltOwn, doltMemory, atprotoMST, cosmosIAVL} }
