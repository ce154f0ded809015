package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
)

// questions has one of every shape.
func questions() map[string]Question {
	var many [][]byte
	for i := range MaxQuestionKeys {
		many = append(many, binary.BigEndian.AppendUint16(nil, uint16(i)))
	}
	long := bytes.Repeat([]byte{0xff}, MaxKey)
	return map[string]Question{
		"no keys":     {Ask: AskKeys},
		"keys":        {Ask: AskKeys, Keys: [][]byte{[]byte("a"), []byte("ab"), long}, Blobs: true},
		"many keys":   {Ask: AskKeys, Keys: many},
		"everything":  {Ask: AskRange},
		"range":       {Ask: AskRange, From: []byte("a"), To: []byte("b"), Limit: 10, Reverse: true, Blobs: true},
		"empty range": {Ask: AskRange, From: long, To: []byte("b"), Limit: MaxSum},
		"Len":         {Ask: AskCount},
		"count":       {Ask: AskCount, From: []byte("a"), To: long},
		"rank":        {Ask: AskRank, Keys: [][]byte{[]byte("a")}},
		"at":          {Ask: AskAt},
		"far at":      {Ask: AskAt, Index: MaxSum, Blobs: true},
	}
}

func questionBlocks() map[string][]byte {
	blocks := map[string][]byte{}
	for name, q := range questions() {
		b, err := q.Encode()
		if err != nil {
			panic(name + ": " + err.Error())
		}
		blocks["question: "+name] = b
	}
	return blocks
}

// C1 for questions.
func TestQuestion(t *testing.T) {
	for name, want := range questions() {
		block, err := want.Encode()
		if err != nil {
			t.Fatal(name, err)
		}
		if got, err := ParseQuestion(block); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	block, err := Question{Ask: AskRange, From: []byte("a"), To: []byte("b"), Limit: 10, Reverse: true}.Encode()
	want := "\xa7\x61v\x01\x62to\x41b\x63ask\x65range\x64from\x41a\x65blobs\x00\x65limit\x0a\x67reverse\x01"
	if err != nil || string(block) != want {
		t.Errorf("%q, %v, want %q", block, err, want)
	}
}

// C4 for questions: what must be refused, and why.
func TestMalformedQuestions(t *testing.T) {
	for name, c := range map[string]struct {
		block string
		want  error
	}{
		"nothing":              {"", ErrSyntax},
		"another version":      {"\xa4\x61v\x02\x63ask\x64keys\x64keys\x80\x65blobs\x00", ErrVersion},
		"an unknown word":      {"\xa4\x61v\x01\x63ask\x64kess\x64keys\x80\x65blobs\x00", ErrSyntax},
		"no word":              {"\xa4\x61v\x01\x63ask\x60\x64keys\x80\x65blobs\x00", ErrSyntax},
		"a field less":         {"\xa3\x61v\x01\x63ask\x64keys\x64keys\x80", ErrSyntax},
		"a field more counted": {"\xa5\x61v\x01\x63ask\x64keys\x64keys\x80\x65blobs\x00", ErrSyntax},
		"bounds of keys":       {"\xa5\x61v\x01\x62to\x40\x63ask\x64keys\x64keys\x80\x65blobs\x00", ErrSyntax},
		"no bound of a count":  {"\xa3\x61v\x01\x63ask\x65count\x64from\x40", ErrSyntax},
		"blobs 2":              {"\xa4\x61v\x01\x63ask\x64keys\x64keys\x80\x65blobs\x02", ErrTooLarge},
		"something behind":     {"\xa4\x61v\x01\x63ask\x64keys\x64keys\x80\x65blobs\x00\x00", ErrTrailing},
		"an empty key":         {"\xa3\x61v\x01\x63ask\x64rank\x64keys\x81\x40", ErrKey},
		"keys not in order":    {"\xa3\x61v\x01\x63ask\x64rank\x64keys\x82\x41b\x41a", ErrOrder},
		"a key twice":          {"\xa3\x61v\x01\x63ask\x64rank\x64keys\x82\x41a\x41a", ErrOrder},
		"4,097 keys":           {"\xa3\x61v\x01\x63ask\x64rank\x64keys\x99\x10\x01", ErrTooLarge},
		"2^64-1 keys":          {"\xa3\x61v\x01\x63ask\x64rank\x64keys\x9b\xff\xff\xff\xff\xff\xff\xff\xff", ErrTooLarge},
		"a long head":          {"\xa4\x61v\x01\x63ask\x62at\x65blobs\x00\x65index\x18\x01", ErrSyntax},
		"a place too far":      {"\xa4\x61v\x01\x63ask\x62at\x65blobs\x00\x65index\x1b\x00\x01\x00\x00\x00\x00\x00\x00", ErrTooLarge},
		"text for bytes":       {"\xa4\x61v\x01\x62to\x60\x63ask\x65count\x64from\x40", ErrSyntax},
		"too large":            {string(make([]byte, MaxQuestion+1)), ErrTooLarge},
	} {
		if _, err := ParseQuestion([]byte(c.block)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := checkDecode("question", []byte(c.block)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
