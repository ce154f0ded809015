//go:build cgo && pebblegozstd

package main

import (
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/all/store"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/run"
)

func main() {
	peer.Add(store.All()...)
	run.Main()
}
