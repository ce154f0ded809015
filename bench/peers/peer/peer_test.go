package peer_test

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer/peertest"
)

func TestPeers(t *testing.T) { peertest.Test(t, peer.All()) }

func TestEachIsNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range peer.All() {
		if seen[p.Name] || p.About == "" || p.Module == "" {
			t.Errorf("peer %q", p.Name)
		}
		seen[p.Name] = true
	}
	if _, err := peer.Find("nobody"); err == nil {
		t.Error("Find finds nobody")
	}
}
