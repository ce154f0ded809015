package turn

// Waiting is how many wait.
func (t *Turn) Waiting() int { return int(t.n.Load()) - 1 }
