package auth

// Limits is what one request may cost. Zero values stand for the defaults
// that the comments name.
type Limits struct {
	Blocks       int // UCANs of a request: 256
	Depth        int // proofs above each other: 64
	BlockBytes   int // length of a UCAN: 256 KiB
	Bytes        int // of all UCANs of a request: 4 MiB
	Proofs       int // of one UCAN: 64
	Capabilities int // of one UCAN: 64
	Nesting      int // of values within each other in a UCAN: 32
	Items        int // values in a UCAN: 8192
	Signatures   int // verified in a request: 192
	Steps        int // delegations looked at in a request, each as often as a path leads to it: 512
	Comparisons  int // of what is claimed with a delegated capability, in a request: 8192
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Blocks, 256}, {&l.Depth, 64}, {&l.BlockBytes, 256 << 10}, {&l.Bytes, 4 << 20}, {&l.Proofs, 64},
		{&l.Capabilities, 64}, {&l.Nesting, 32}, {&l.Items, 8192}, {&l.Signatures, 192}, {&l.Steps, 512}, {&l.Comparisons, 8192},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return l
}
