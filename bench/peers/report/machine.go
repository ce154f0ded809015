package report

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Machine is where and when it was measured.
type Machine struct {
	CPU        string
	Cores      int
	MemoryGiB  int
	System     string
	FileSystem string // that the stores lie on
	Go         string
	Revision   string // of this project
	Date       string
}

// ThisMachine describes this one, on which the stores lie in dir. What it cannot
// find out it leaves empty.
func ThisMachine(dir string) Machine {
	return Machine{
		CPU:        cpuName(),
		Cores:      runtime.NumCPU(),
		MemoryGiB:  memoryGiB(),
		System:     runtime.GOOS + "/" + runtime.GOARCH + " " + output("uname", "-r"),
		FileSystem: output("stat", "-f", "-c", "%T", dir),
		Go:         runtime.Version(),
		Revision:   output("git", "rev-parse", "--short=12", "HEAD"),
		Date:       time.Now().UTC().Format(time.DateOnly),
	}
}

func output(name string, args ...string) string {
	b, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// field returns what stands behind a name and a colon in a file of lines.
func field(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			return strings.TrimLeft(strings.TrimSpace(string(rest)), ": \t")
		}
	}
	return ""
}

func cpuName() string { return field("/proc/cpuinfo", "model name") }

func memoryGiB() int {
	kib, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return 0
	}
	return (kib + 1<<19) >> 20
}

// moduleVersion is the version of a module that this program is built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == path {
			if m.Replace != nil {
				return "as it stands beside this file"
			}
			return m.Version
		}
	}
	return ""
}
