package kvtest

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// childEnv tells a process that it was started by a sweep, and what for.
const childEnv = "KVTEST_CHILD"

// InChild tells whether this process runs one test for another process. A store
// that failed may leave goroutines behind; TestMain must not look for them then.
func InChild() bool { return os.Getenv(childEnv) != "" }

// childProcess is this test, in a process that is told what.
func childProcess(t *testing.T, what string) *exec.Cmd {
	var parts []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
	}
	args := []string{"-test.run", strings.Join(parts, "/")}
	for _, a := range os.Args[1:] {
		if !strings.HasPrefix(a, "-test.run") && !strings.HasPrefix(a, "-test.testlogfile") &&
			!strings.HasPrefix(a, "-test.coverprofile") && !strings.HasPrefix(a, "-test.paniconexit0") {
			args = append(args, a)
		}
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	return cmd
}
