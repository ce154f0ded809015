package main

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"
)

// keyOption is the option that lets keys of any bytes stand on a command line.
type keyOption struct{ hex bool }

func (o *keyOption) register(c *cobra.Command) {
	c.Flags().BoolVar(&o.hex, "hex", false, "keys on the command line are hexadecimal")
}

// parse returns the key that an argument stands for.
func (o *keyOption) parse(arg string) ([]byte, error) {
	if !o.hex {
		return []byte(arg), nil
	}
	b, err := hex.DecodeString(arg)
	if err != nil {
		return nil, usageError{fmt.Errorf("key %q: %w", arg, err)}
	}
	return b, nil
}
