package program

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestM1Status(t *testing.T) {
	for _, c := range []struct {
		reached bool
		err     error
		want    int
		said    string
	}{
		{true, nil, 0, ""},
		{false, nil, 1, ""},
		{false, io.EOF, 2, "it: EOF\n"},
		{true, io.EOF, 2, "it: EOF\n"},
		{false, fmt.Errorf("flags: %w", flag.ErrHelp), 0, ""},
	} {
		var said strings.Builder
		if got := status(&said, "it", c.reached, c.err); got != c.want || said.String() != c.said {
			t.Errorf("M1 violated: %v, %v: %d, %q", c.reached, c.err, got, said.String())
		}
	}
}
