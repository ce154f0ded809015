package main

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// What cannot be written is a failure, whatever the command has to say. Linux
// alone has a file that is a full disk.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	c := newStore(t)
	c.ok("put", "a", "1")
	for _, args := range [][]string{{"get", "a"}, {"scan"}, {"dump"}, {"root"}, {"diff", emptyRoot, "main"}, {"help"}} {
		cmd := c.command(t.Context(), args...)
		cmd.Stdout = full
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Errorf("C1: %q: %v", args, err)
		}
	}
}
