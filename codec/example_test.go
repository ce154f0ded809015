package codec_test

import (
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

func ExampleParseNode() {
	block := codec.AppendLeaf(nil, []codec.LeafEntry{
		{Key: []byte("fruit/apple"), Value: []byte("red\n")},
		{Key: []byte("fruit/banana"), Kind: codec.Blob, Size: 5000, Link: codec.RawCID([]byte("a picture")).Bytes()},
		{Key: []byte("fruit/cherry"), Kind: codec.Link, Link: codec.EmptyRoot.CID().Bytes()},
	})
	n, err := codec.ParseNode(block)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(&n)
	fmt.Println(n.Find([]byte("fruit/banana")))
	fmt.Println(n.Find([]byte("fruit/blueberry")))

	_, err = codec.ParseNode(block[:len(block)-1])
	fmt.Println(err)
	// Output:
	// leaf: 3 items, weight 133, block 136, entries 3, bytes 5075, prefix "fruit/"
	//   "fruit/apple"  "red\n"
	//   "fruit/banana"  blob of 5000 bytes, bafkreieswl5fqaujlayx4qel3bhm7jypl3rvweqzshn4emwetulggu3qrm
	//   "fruit/cherry"  link bafyreiggt3tmb5s7rls7z2lmdtluypmwlbssolx52nejb2easdridoycgi
	// 1 true
	// 2 false
	// codec: links at byte 97: not in canonical form
}

func ExampleCommit_Encode() {
	block, err := codec.Commit{
		Seq:  1,
		Root: codec.EmptyRoot.CID(),
		Time: 1_700_000_000_000,
		Meta: map[string][]byte{"message": []byte("nothing yet")},
	}.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := codec.ParseCommit(block)
	fmt.Println(len(block), codec.Sum(block))
	fmt.Println(c.Seq, c.Root, string(c.Meta["message"]), err)
	// Output:
	// 104 bafyreiegarors5trxj35xkoknlwgdrxhx7d2lel44lzejxiad2daisrn4i
	// 1 bafyreiggt3tmb5s7rls7z2lmdtluypmwlbssolx52nejb2easdridoycgi nothing yet <nil>
}
