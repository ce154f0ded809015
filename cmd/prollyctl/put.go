package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type putOptions struct {
	commitOption
	keyOption
	link bool
	file string
}

func newPut(a *app) *cobra.Command {
	var o putOptions
	c := &cobra.Command{
		Use:   "put KEY VALUE|-",
		Short: "Set a key, and commit",
		Long: `put sets a key to a value, to the content of a file with --file, or with - to all
that it reads from standard input, and commits. A value of any length takes
little memory; of one that was there before, or is like another, only what is new
is stored. A branch that is not there yet is made; a store is not: see init.`,
		Example: `  prollyctl put greeting hello
  prollyctl put logo --file logo.png
  tar c photos | prollyctl put photos.tar -
  prollyctl put --stage greeting hi && prollyctl commit -m "say hi"
  prollyctl put --link report bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy
  prollyctl put -- -5 "a key that begins with a dash"`,
		Args: wantArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			want := 2 // KEY, VALUE
			if o.file != "" {
				want = 1
			}
			if err := wantArgs(want, want)(c, args); err != nil {
				return err
			}
			return a.put(c.Context(), args[0], optional(args, 1), o)
		},
	}
	o.commitOption.register(c)
	o.keyOption.register(c)
	c.Flags().BoolVar(&o.link, "link", false, "the value is a link: VALUE is a CID")
	c.Flags().StringVar(&o.file, "file", "", "the value is what this file holds")
	c.MarkFlagsMutuallyExclusive("link", "file")
	return c
}

func (a *app) put(ctx context.Context, key, value string, o putOptions) error {
	k, err := o.parse(key)
	if err != nil {
		return err
	}
	if o.file != "" {
		return a.putFile(ctx, k, o)
	}
	if value == "-" && !o.link {
		return a.putInput(ctx, k, o)
	}
	v, err := parseValue(value, o.link)
	if err != nil {
		return err
	}
	return a.putValue(ctx, k, v, o)
}

func (a *app) putValue(ctx context.Context, key []byte, v prolly.Value, o putOptions) error {
	edit := prolly.Edit{Key: key, Value: v}
	if err := prolly.CheckEdit(edit); err != nil {
		return err
	}
	return a.writing(ctx, func(s *session) error {
		return s.onto(ctx, func(b *engine.Branch) error {
			return s.edit(ctx, b, []prolly.Edit{edit}, o.commitOption)
		})
	})
}

// parseValue returns the value that an argument stands for.
func parseValue(arg string, link bool) (prolly.Value, error) {
	if !link {
		return prolly.Value{Bytes: []byte(arg)}, nil
	}
	c, err := cid.Decode(arg)
	if err != nil {
		return prolly.Value{}, usageError{fmt.Errorf("link %q: %w", arg, err)}
	}
	return prolly.Value{Link: c}, nil
}

// value is parseValue, and reads standard input for "-".
func (a *app) value(arg string, link bool) (prolly.Value, error) {
	if link || arg != "-" {
		return parseValue(arg, link)
	}
	b, err := io.ReadAll(a.stdin)
	if err != nil {
		return prolly.Value{}, fmt.Errorf("read standard input: %w", err)
	}
	return prolly.Value{Bytes: b}, nil
}

// putFile puts what a file holds.
func (a *app) putFile(ctx context.Context, key []byte, o putOptions) error {
	f, err := os.Open(o.file)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	length := int64(-1)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		length = info.Size()
	}
	return a.putStream(ctx, key, f, o.file, length, o)
}

// putInput puts what standard input holds. The beginning, mostly all, is read
// before the store is opened, which what writes to it may hold.
func (a *app) putInput(ctx context.Context, key []byte, o putOptions) error {
	var head bytes.Buffer
	_, err := io.CopyN(&head, a.stdin, codec.MaxBlob+1)
	if err == io.EOF {
		return a.putValue(ctx, key, prolly.Value{Bytes: head.Bytes()}, o)
	}
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	return a.putStream(ctx, key, io.MultiReader(&head, a.stdin), "stdin", -1, o)
}

// putStream puts what is read, piece by piece.
func (a *app) putStream(ctx context.Context, key []byte, r io.Reader, name string, length int64, o putOptions) error {
	limitMemory()
	return a.writing(ctx, func(s *session) error {
		return s.onto(ctx, func(b *engine.Branch) error {
			p := s.progress(name, length)
			_, err := b.PutReader(ctx, key, p.reader(r))
			p.end()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if o.stage {
				return s.printStaged(b)
			}
			return s.commitNow(ctx, b, o.message, nil)
		})
	})
}

// edit stages edits and, unless they are to stay staged, commits.
func (s *session) edit(ctx context.Context, b *engine.Branch, edits []prolly.Edit, o commitOption) error {
	if err := b.Apply(ctx, edits); err != nil {
		return err
	}
	if o.stage {
		return s.printStaged(b)
	}
	return s.commitNow(ctx, b, o.message, nil)
}
