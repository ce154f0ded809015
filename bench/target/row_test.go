package target

import (
	"math"
	"strings"
	"testing"
)

func TestT1Print(t *testing.T) {
	for _, c := range []struct {
		got     float64
		atLeast bool
		want    string
		all     bool
	}{
		{1.05, false, "| x | 1.05 B | ≤ 1.05 B | yes | n |", true},
		{1.06, false, "| x | 1.06 B | ≤ 1.05 B | **no** | n |", false},
		{1.06, true, "| x | 1.06 B | ≥ 1.05 B | yes | n |", true},
		{1.04, true, "| x | 1.04 B | ≥ 1.05 B | **no** | n |", false},
		{math.NaN(), true, "| x | – B | ≥ 1.05 B | **no** | n |", false},
		{math.NaN(), false, "| x | – B | ≤ 1.05 B | **no** | n |", false},
	} {
		row := AtMost
		if c.atLeast {
			row = AtLeast
		}
		var out strings.Builder
		all, err := Print(&out, []Row{row("x", c.got, 1.05, "B", "n"), AtMost("y", 0, 1, "", "")})
		if err != nil || all != c.all || !strings.Contains(out.String(), c.want) {
			t.Errorf("T1 violated: %v, %v: %s", all, err, &out)
		}
	}
}
