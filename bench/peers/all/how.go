//go:build !cgo || !pebblegozstd

package main

import (
	"fmt"
	"os"
)

// Dolt links a zstd library of its own through cgo, and Pebble another; the tag
// makes Pebble do without.
func main() {
	fmt.Fprintln(os.Stderr, "all: build with cgo and the tag pebblegozstd: CGO_ENABLED=1 go run -tags pebblegozstd .")
	os.Exit(1)
}
