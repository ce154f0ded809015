package cell

import (
	"slices"
	"time"
)

// quantile returns the q-quantile of times, in seconds: the smallest that no
// more than 1-q of them exceed.
func quantile(times []time.Duration, q float64) float64 {
	if len(times) == 0 {
		return 0
	}
	t := slices.Sorted(slices.Values(times))
	i := int(q*float64(len(t))+0.5) - 1
	return t[min(max(i, 0), len(t)-1)].Seconds()
}
