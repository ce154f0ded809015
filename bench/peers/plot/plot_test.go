package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

var odd = []float64{0, -1, math.NaN(), math.Inf(1), 1e-9, 3, 1e12}

// pictures draws each kind with odd numbers and names.
func pictures() map[string][]byte {
	names := []Series{{"a < b & c", true}, {`"`, false}, {"]]>", false}, {"d", false}, {"e", false}, {"f", false}, {"g", false}}
	return map[string][]byte{
		"dots":   (&Dots{"<title>", names, []string{"<", "&"}, [][]float64{odd, odd}, []float64{1, None()}}).SVG(),
		"panels": (&Panels{"&", names[:2], odd[4:], []string{"<p>"}, [][][]float64{{odd[4:], odd[:3]}}}).SVG(),
		"bars":   (&Bars{"&", names, []string{"<g>"}, [][]float64{odd}}).SVG(),
		"empty":  (&Dots{Title: "nothing"}).SVG(),
	}
}

func TestV1WellFormed(t *testing.T) {
	for name, svg := range pictures() {
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("V1 violated by %s: %v\n%s", name, err, svg)
			}
		}
	}
}

func TestV2OnlyNumbersThatCanBeDrawn(t *testing.T) {
	for name, svg := range pictures() {
		if s := string(svg); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("V2 violated by %s:\n%s", name, svg)
		}
	}
}

func TestScale(t *testing.T) {
	s := newScale([]float64{2, 300}, 0, 100)
	for v, want := range map[float64]float64{1: 0, 1000: 100, 10: 100. / 3} {
		if got := s.at(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v is at %v, not %v", v, got, want)
		}
	}
}
