package store

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer/peertest"
)

func TestPeers(t *testing.T) { peertest.Test(t, All()) }
