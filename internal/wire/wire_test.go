package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestFieldsComeBack(t *testing.T) {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 300)
	b = AppendPair(b, 14, "key", "")
	f, rest, ok := Next(b)
	if !ok || f.ID != 3 || f.Type != protowire.VarintType || f.Number != 300 {
		t.Fatalf("got %+v, %t, want 300 in field 3", f, ok)
	}
	f, rest, ok = Next(rest)
	if !ok || f.ID != 14 || f.Type != protowire.BytesType || len(rest) != 0 {
		t.Fatalf("got %+v, %t and %d bytes more, want field 14 and no more", f, ok, len(rest))
	}
	if key, value, ok := Pair(f.Raw); !ok || string(key) != "key" || len(value) != 0 {
		t.Errorf("got %q, %q, %t, want the key alone", key, value, ok)
	}
}

func TestWhatIsNoFieldIsRefused(t *testing.T) {
	whole := AppendPair(nil, 1, "a", "b")
	for n := range whole {
		if _, _, ok := Next(whole[:n]); ok {
			t.Errorf("%d bytes of %d are a field", n, len(whole))
		}
	}
	fixed := protowire.AppendFixed32(protowire.AppendTag(nil, 1, protowire.Fixed32Type), 1)
	if _, _, ok := Next(fixed); ok {
		t.Error("a type that nobody writes is a field")
	}
	f, _, _ := Next(whole)
	for _, raw := range [][]byte{nil, f.Raw[:1], f.Raw[:len(f.Raw)-1], append(bytes.Clone(f.Raw), 0)} {
		if key, value, ok := Pair(raw); ok {
			t.Errorf("%q is a pair of %q and %q", raw, key, value)
		}
	}
}
