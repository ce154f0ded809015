// Package javascript finds Node.js for tests that compare this project with
// software in JavaScript.
package javascript

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Required is the variable of the environment that, when it is not empty, makes
// a test fail where it would be skipped: .ci/run sets it where npm is.
const Required = "PROLLY_JAVASCRIPT"

// Node returns the path of Node.js. The packages that the scripts in dir need
// must have been installed by "npm ci" there: tests fetch nothing themselves.
// Where either is missing the test is skipped, because Go is all that the tests
// need, or fails when JavaScript is required.
func Node(t testing.TB, dir string) string {
	t.Helper()
	program, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	}
	switch {
	case err == nil:
		return program
	case os.Getenv(Required) != "":
		t.Fatalf("%s is set: %v", Required, err)
	}
	t.Skipf("nothing is compared with JavaScript, which takes node and npm ci in %s: %v", dir, err)
	return ""
}
