package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// remotesName is the file in the store's directory that names its remotes. It
// holds no secrets: a token stands in a file of its own.
const remotesName = "remotes.json"

// remote is a server that a store syncs with.
type remote struct {
	Name      string `json:"name"`
	URL       string `json:"url"`
	TokenFile string `json:"tokenFile,omitempty"`
}

func newRemote(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "remote",
		Short: "Name the servers that a store syncs with",
		Long: `remote keeps the names of servers, in the file ` + remotesName + ` of the store. What
a branch of one was when it was last seen is the tag remotes/NAME/BRANCH.`,
		Example: `  prollyctl remote add origin http://localhost:8480
  prollyctl remote ls
  prollyctl remote rm origin`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var token string
	add := &cobra.Command{
		Use:     "add NAME URL",
		Short:   "Name a server",
		Example: "  prollyctl remote add origin http://localhost:8480 --token-file token",
		Args:    wantArgs(2, 2),
		RunE:    func(c *cobra.Command, args []string) error { return a.addRemote(c.Context(), args[0], args[1], token) },
	}
	add.Flags().StringVar(&token, "token-file", "", "file with the bearer token that the server asks for")
	c.AddCommand(add, &cobra.Command{
		Use:     "ls",
		Short:   "List the servers",
		Example: "  prollyctl remote ls -o json",
		Args:    wantArgs(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return a.listRemotes(c.Context()) },
	}, &cobra.Command{
		Use:     "rm NAME",
		Short:   "Forget a server",
		Example: "  prollyctl remote rm origin",
		Args:    wantArgs(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.removeRemote(c.Context(), args[0]) },
	})
	return c
}

// readRemotes reads the remotes of a store.
func readRemotes(store string) (list []remote, err error) {
	b, err := os.ReadFile(filepath.Join(store, remotesName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("remotes of the store: %w", err)
	}
	return list, nil
}

// writeRemotes replaces the file by another, whole.
func writeRemotes(store string, list []remote) error {
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(store, remotesName+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(store, remotesName))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// checkRemote refuses what can be no remote.
func checkRemote(name, address string) error {
	if name == "" || strings.ContainsAny(name, "/ \t\n") || strings.HasPrefix(name, "-") {
		return usagef("%s is no name for a remote: it has no slash and no space", quote([]byte(name)))
	}
	return checkAddress(address)
}

func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usagef("%s is no address of a server, such as http://localhost:8480", quote([]byte(address)))
	}
	return nil
}

func (a *app) addRemote(ctx context.Context, name, address, token string) error {
	if err := checkRemote(name, address); err != nil {
		return err
	}
	if token != "" {
		full, err := filepath.Abs(token)
		if err != nil {
			return err
		}
		token = full
	}
	return a.writing(ctx, func(*session) error {
		list, err := readRemotes(a.store)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(r remote) bool { return r.Name == name }) {
			return fmt.Errorf("there is a remote %q already", name)
		}
		r := remote{name, address, token}
		if err := writeRemotes(a.store, append(list, r)); err != nil {
			return err
		}
		return a.print(r, func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", plain.String(name), plain.String(address)) })
	})
}

func (a *app) listRemotes(ctx context.Context) error {
	return a.reading(ctx, func(*session) error {
		list, err := readRemotes(a.store)
		if err != nil {
			return err
		}
		return printList(a, list, func(w io.Writer, r remote) {
			fmt.Fprintf(w, "%s\t%s\n", plain.String(r.Name), plain.String(r.URL))
		})
	})
}

func (a *app) removeRemote(ctx context.Context, name string) error {
	return a.writing(ctx, func(s *session) error {
		list, err := readRemotes(a.store)
		if err != nil {
			return err
		}
		rest := slices.DeleteFunc(slices.Clone(list), func(r remote) bool { return r.Name == name })
		if len(rest) == len(list) {
			return notFoundError{"remote " + quote([]byte(name))}
		}
		if err := writeRemotes(a.store, rest); err != nil {
			return err
		}
		tags, err := s.e.Tags(ctx)
		if err != nil {
			return err
		}
		for _, t := range tags {
			if !strings.HasPrefix(t.Name, "remotes/"+name+"/") {
				continue
			}
			if err := s.e.DeleteTag(ctx, t.Name); err != nil && !errors.Is(err, engine.ErrNoTag) {
				return err
			}
		}
		return a.print(map[string]any{"removed": name}, func(w io.Writer) { fmt.Fprintf(w, "forgot %s\n", plain.String(name)) })
	})
}

// findRemote returns a remote by its name, or the only one there is without.
func findRemote(store, name string) (remote, error) {
	list, err := readRemotes(store)
	if err != nil {
		return remote{}, err
	}
	if name == "" && len(list) == 1 {
		return list[0], nil
	}
	for _, r := range list {
		if r.Name == name || name == "" && r.Name == "origin" {
			return r, nil
		}
	}
	what := "remote " + quote([]byte(name))
	if name == "" {
		what = "remote origin"
	}
	return remote{}, hintedError{notFoundError{what}, "Name one with: prollyctl remote add NAME URL"}
}
