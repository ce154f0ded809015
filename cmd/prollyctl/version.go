package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// treeFormat is the version of the tree's format that this program reads and
// writes: the first item of every node.
const treeFormat = 1

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of the format",
		Long:  "version prints the version of this program, what it was built from, and the version of the tree format.",
		Example: `  prollyctl version
  prollyctl version -o json`,
		Args: wantArgs(0, 0),
		RunE: func(*cobra.Command, []string) error {
			info := newVersionInfo()
			return a.print(info, info.write)
		},
	}
}

// versionInfo is what the program knows of itself, as JSON.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"` // of the revision
	Modified bool   `json:"modified,omitempty"`
	Format   int    `json:"format"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionInfo() versionInfo {
	info := versionInfo{
		Version:  "(unknown)",
		Format:   treeFormat,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	info.Version = build.Main.Version
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Revision = s.Value
		case "vcs.time":
			info.Time = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}

func (v versionInfo) write(w io.Writer) {
	fmt.Fprintf(w, "prollyctl %s", v.Version)
	if v.Revision != "" {
		fmt.Fprintf(w, " (%s", v.Revision)
		if v.Modified {
			fmt.Fprint(w, ", modified")
		}
		fmt.Fprint(w, ")")
	}
	fmt.Fprintf(w, "\ntree format %d\n%s %s\n", v.Format, v.Go, v.Platform)
}
