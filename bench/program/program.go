package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// Main runs a command with the arguments of the process, and ends it.
func Main(name string, command func(ctx context.Context, args []string) (reached bool, err error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	reached, err := command(ctx, os.Args[1:])
	stop()
	os.Exit(status(os.Stderr, name, reached, err))
}

// status says what went wrong, and returns the exit status.
func status(w io.Writer, name string, reached bool, err error) int {
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(w, "%s: %v\n", name, err)
		return 2
	case !reached:
		return 1
	}
	return 0
}
