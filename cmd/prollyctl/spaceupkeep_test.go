package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSpaceServeUpkeep: the service collects garbage by itself while a client
// syncs, keeps to the memory that it is given, and ends in order, within a collection
// too.
func TestSpaceServeUpkeep(t *testing.T) {
	c := newCLI(t)
	c.fails(2, "--memory", "space", "serve", "--memory", "1000")
	c.fails(2, "must not be 0", "space", "serve", "--history", "0")
	s := c.serveSpaces("127.0.0.1:0", "--collect-every", "20ms", "--history", "1ns", "--memory", "268435456")
	if n := s.metric("space_memory_limit_bytes"); n != 96<<20 {
		t.Errorf("the runtime keeps to %d bytes", n)
	}
	c.ok("space", "create", "--key", "owner.key")
	c.ok("space", "sync", s.url)
	limit := time.Now().Add(time.Minute)
	for i := 0; s.metric("space_collected_bytes_total") == 0 || i < 12; i++ {
		if time.Now().After(limit) {
			t.Fatal("nothing was collected in a minute")
		}
		c.ok("space", "put", "/user/a", strings.Repeat(fmt.Sprint(i), 500))
		c.ok("space", "sync")
	}
	if s.metric("space_collections_failed_total") != 0 || s.metric("space_store_bytes") == 0 {
		t.Error("a collection failed, or nothing is stored")
	}
	s.stop(syscall.SIGTERM)
	if text := s.stderr.String(); text != "" {
		t.Errorf("errors are logged:\n%s", text)
	}
}
