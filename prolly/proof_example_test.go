package prolly_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func ExampleVerify() {
	ctx := context.Background()
	tree, err := prolly.Empty(prolly.NewMemStore()).Apply(ctx, []prolly.Edit{
		{Key: []byte("apple"), Value: prolly.Value{Bytes: []byte("red")}},
		{Key: []byte("banana"), Value: prolly.Value{Bytes: []byte("yellow")}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := tree.Prove(ctx, []byte("apple"), []byte("cherry"))
	if err != nil {
		fmt.Println(err)
		return
	}

	// Elsewhere, where nothing is known but the root:
	facts, err := prolly.Verify(tree.Root(), proof)
	if err != nil {
		fmt.Println(err)
		return
	}
	for k := range facts.Keys() {
		fmt.Printf("%s: %v %q\n", k.Key, k.Present, k.Value.Bytes)
	}

	proof[len(proof)-1]++
	_, err = prolly.Verify(tree.Root(), proof)
	fmt.Println(errors.Is(err, prolly.ErrRefuted))
	// Output:
	// apple: true "red"
	// cherry: false ""
	// true
}
