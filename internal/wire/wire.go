// Package wire reads and writes the fields of protobuf messages that have no generated code, beside package protowire:
// what goes from pods to the lab hundreds of times a second.
package wire

import "google.golang.org/protobuf/encoding/protowire"

// A Field is one of a message. Number is its value where Type is protowire.VarintType, Raw where it is
// protowire.BytesType; Raw is the message's memory.
type Field struct {
	ID     protowire.Number
	Type   protowire.Type
	Number uint64
	Raw    []byte
}

// Next consumes the first field of b. ok is false where b does not begin with a whole one of these types.
func Next(b []byte) (f Field, rest []byte, ok bool) {
	var n int
	if f.ID, f.Type, n = protowire.ConsumeTag(b); n < 0 {
		return f, nil, false
	}
	b = b[n:]
	switch f.Type {
	case protowire.VarintType:
		f.Number, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		f.Raw, n = protowire.ConsumeBytes(b)
	default:
		n = -1
	}
	if n < 0 {
		return f, nil, false
	}
	return f, b[n:], true
}

// AppendPair appends a field that is a key and a value, in this order, each as bytes.
func AppendPair(b []byte, id protowire.Number, key, value string) []byte {
	b = protowire.AppendTag(b, id, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(protowire.SizeBytes(len(key))+protowire.SizeBytes(len(value))))
	return protowire.AppendString(protowire.AppendString(b, key), value)
}

// Pair returns the key and the value of a field of AppendPair. Both are its memory.
func Pair(raw []byte) (key, value []byte, ok bool) {
	key, n := protowire.ConsumeBytes(raw)
	if n < 0 {
		return nil, nil, false
	}
	value, last := protowire.ConsumeBytes(raw[n:])
	return key, value, last >= 0 && n+last == len(raw)
}
