package main

import (
	"bufio"
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is one run of the program: its streams and its global options.
type app struct {
	stdin  io.Reader
	stdout *bufio.Writer
	stderr io.Writer
	outTTY bool // stdout is a terminal
	errTTY bool

	store  string
	branch string
	space  string // of the space commands
	output output
}

const (
	defaultStore  = ".prolly"
	defaultBranch = "main"
	storeEnv      = "PROLLY_STORE"
)

func newApp(stdin io.Reader, stdout, stderr *os.File) *app {
	return &app{
		stdin:  stdin,
		stdout: bufio.NewWriterSize(stdout, 64<<10),
		stderr: stderr,
		outTTY: term.IsTerminal(int(stdout.Fd())),
		errTTY: term.IsTerminal(int(stderr.Fd())),
		output: text,
	}
}

// run executes a command line and returns the exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if flushed := a.stdout.Flush(); flushed != nil && (err == nil || err == errNo) {
		err = flushed
	}
	return a.report(ctx, cmd, err)
}

const rootLong = `prollyctl works on a prolly store: a versioned, verifiable key/value store.

A REF names a version: a branch (its last commit), branch~n (n commits before
it), a tag, the CID of a commit, or the CID of a root. Without a REF commands
work on the branch of --branch: get, scan, dump, rank, at and diff read it as it
is now, with what is staged on it, all others look at its last commit.

In JSON a key or value is a string when it is UTF-8, and otherwise
{"/": {"bytes": "<base64>"}}; a CID is a link, {"/": "<cid>"}. As text, what a
terminal would act on is escaped.

Exit status: 0; 1 for "not found", "differs", "conflict" and "problem found"; 2 for
a wrong command line and for every failure.`

// newRoot returns the command with all of its commands.
func newRoot(a *app) *cobra.Command {
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:   "prollyctl",
		Short: "Work on a versioned, verifiable key/value store",
		Long:  rootLong,
		Example: `  prollyctl demo                      # a guided run
  prollyctl init                      # a store in ./.prolly
  prollyctl put greeting hello
  prollyctl get greeting
  prollyctl diff main~1 main`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	store := os.Getenv(storeEnv)
	if store == "" {
		store = defaultStore
	}
	flags.StringVar(&a.store, "store", store, "directory of the store; $"+storeEnv+" sets the default")
	flags.StringVar(&a.branch, "branch", defaultBranch, "branch to work on")
	flags.VarP(&a.output, "output", "o", "form of the output: text, json or jsonl")
	must(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp)))
	must(root.RegisterFlagCompletionFunc("branch", a.completeBranches))
	must(root.MarkPersistentFlagDirname("store"))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	addCommands(a, root)
	return root
}

// addCommands puts every command into its group.
func addCommands(a *app, root *cobra.Command) {
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"start", "Start here:", []*cobra.Command{newDemo(a), newInit(a)}},
		{"entries", "Entries:", []*cobra.Command{newPut(a), newGet(a), newDel(a), newScan(a), newRank(a), newAt(a), newLoad(a), newDump(a)}},
		{"versions", "Versions:", []*cobra.Command{newCommit(a), newLog(a), newBlame(a), newBranch(a), newTag(a), newRootOf(a), newDiff(a), newMerge(a), newRevert(a), newReset(a), newRetain(a)}},
		{"proofs", "Proofs:", []*cobra.Command{newProve(a), newVerify(a)}},
		{"exchange", "To and from elsewhere:", []*cobra.Command{newExport(a), newImport(a), newClone(a), newPull(a), newPush(a), newRemote(a), newServe(a)}},
		{"inside", "Inside the store:", []*cobra.Command{newStat(a), newTree(a), newShow(a), newCheck(a), newSalvage(a), newGC(a)}},
		{"space", "Spaces:", []*cobra.Command{newSpace(a)}},
		{"program", "The program:", []*cobra.Command{newCompletion(a), newVersion(a)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID("program")
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Example = "  prollyctl help load"
		}
	}
}

// must is for what only a mistake in this program can make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
