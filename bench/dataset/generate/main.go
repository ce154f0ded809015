// Command generate writes random entries as lines of JSON, for prollyctl load:
// the same for the same flags.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
)

func main() {
	n := flag.Int("n", 1_000_000, "entries")
	key := flag.Int("key", 32, "characters of a key")
	value := flag.Int("value", 100, "characters of a value")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	flag.Parse()
	if err := generate(rand.New(rand.NewPCG(*seed, 0)), *n, *key, *value); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(2)
	}
}

func generate(r *rand.Rand, n, key, value int) error {
	w := bufio.NewWriterSize(os.Stdout, 1<<16)
	for range n {
		if _, err := fmt.Fprintf(w, "{\"key\":\"%s\",\"value\":\"%s\"}\n", text(r, key), text(r, value)); err != nil {
			return err
		}
	}
	return w.Flush()
}

// text is n random letters and digits.
func text(r *rand.Rand, n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.Uint64()&31]
	}
	return b
}
