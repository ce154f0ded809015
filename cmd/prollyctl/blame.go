package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/rows"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

type blameOptions struct {
	refOption
	keyOption
}

func newBlame(a *app) *cobra.Command {
	var o blameOptions
	c := &cobra.Command{
		Use:   "blame KEY",
		Short: "Show the commit that last changed a key",
		Long: `blame prints the commit that gave a key the value it has, or removed it. What is
only staged does not count. The exit status is 1 when no commit has the key.`,
		Example: `  prollyctl blame greeting
  prollyctl blame greeting --ref v1 -o json`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.blame(c.Context(), args[0], o) },
	}
	o.refOption.register(a, c)
	o.keyOption.register(c)
	return c
}

func (a *app) blame(ctx context.Context, arg string, o blameOptions) error {
	key, err := o.parse(arg)
	if err != nil {
		return err
	}
	return a.reading(ctx, func(s *session) error {
		r, err := s.committed(ctx, o.ref)
		if err != nil {
			return err
		}
		if r.Commit == nil {
			return keyNotFound(key)
		}
		b, err := s.e.Lookup(ctx, s.branch)
		if err != nil {
			return err
		}
		found, err := b.Blame(ctx, key, engine.BlameOptions{From: r.Commit.CID})
		if errors.Is(err, engine.ErrNotFound) {
			return keyNotFound(key)
		}
		if err != nil {
			return err
		}
		return s.printBlame(ctx, key, found)
	})
}

// printBlame prints as JSON {"key", "value", "commit"…}; without "value" when the
// commit removed the key.
func (s *session) printBlame(ctx context.Context, key []byte, b engine.Blame) error {
	if s.output == text {
		value := "removed"
		if b.Value != nil {
			value = string(appendValue(nil, *b.Value))
		}
		_, err := fmt.Fprintf(s.stdout, "%s\n%s\t%s\n", logLine(b.Commit), plain.Bytes(key), value)
		return err
	}
	info, err := marshal(newLogInfo(b.Commit))
	if err != nil {
		return err
	}
	if _, err := s.stdout.Write(djson.AppendBytes([]byte(`{"key":`), key)); err != nil {
		return err
	}
	if b.Value != nil {
		if _, err := s.stdout.WriteString(`,"value":`); err != nil {
			return err
		}
		if err := rows.WriteValue(s.stdout, *b.Value, s.opener(ctx)); err != nil {
			return err
		}
	}
	_, err = s.stdout.WriteString("," + strings.TrimPrefix(string(info), "{") + "\n")
	return err
}
