// Package djson writes and reads bytes and links in the JSON forms of DAG-JSON.
//
// It knows three forms and no other JSON; whoever uses it brings the braces
// around them. It is not a DAG-JSON codec: keys are not sorted, and padded
// base64 is read too.
//
//	bytes, valid UTF-8   "text"
//	other bytes          {"/": {"bytes": "<base64, written without padding>"}}
//	a link               {"/": "<cid>"}
//
// Invariants, which the tests cite:
//
//	J1  What is written is valid JSON and is read back as the same bytes.
//	J2  What is written has no byte below 0x20, and no character that a
//	    terminal would act on: those are escaped.
//	J3  What is not exactly one of the forms is refused: text that is not
//	    UTF-8, half a surrogate pair, a number, another object.
package djson
