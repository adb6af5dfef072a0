package live

import (
	"io"
	"strings"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	var x tail
	if got := x.text(); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	for range 200 {
		if _, err := io.WriteString(&x, "0123456789"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(&x, "the end\n"); err != nil {
		t.Fatal(err)
	}
	if got := x.text(); !strings.HasSuffix(got, "the end") || len(got) > tailSize+30 {
		t.Errorf("got %d bytes, ending in %.20q, want the last %d", len(got), got[len(got)-10:], tailSize)
	}
}
