package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(start()) }

// start runs the command line of the process.
func start() int {
	// A reader that goes away is then an error of a write, after which the store
	// is closed as after any other.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	a := newApp(interruptible(ctx, os.Stdin), os.Stdout, os.Stderr)
	return a.run(ctx, os.Args[1:])
}

// interruptible reads r, and stops waiting for it when ctx is done: a read of a
// terminal or pipe cannot be called off. It asks r for nothing before it is
// read itself.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	return &interruptibleReader{ctx: ctx, r: r}
}

type interruptibleReader struct {
	ctx  context.Context
	r    io.Reader
	pipe *io.PipeReader
}

func (r *interruptibleReader) Read(p []byte) (int, error) {
	if r.pipe == nil {
		pr, pw := io.Pipe()
		r.pipe = pr
		go func() {
			_, err := io.Copy(pw, r.r)
			pw.CloseWithError(err)
		}()
		context.AfterFunc(r.ctx, func() { pw.CloseWithError(r.ctx.Err()) })
	}
	return r.pipe.Read(p)
}
