package format

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable spells out every character of text that has no shape, such as \x1b or \u202e. A run's texts come
// from outside (headers, statuses, what proxies and API servers say), and a terminal obeys such characters.
// Line breaks and tabs stay.
func Printable(text string) string {
	shown := func(r rune) bool { return r == '\n' || r == '\t' || r != utf8.RuneError && unicode.IsGraphic(r) }
	if strings.IndexFunc(text, func(r rune) bool { return !shown(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case shown(r) || r == utf8.RuneError && size > 1:
			b.WriteString(text[:size])
		case r == utf8.RuneError || r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		text = text[size:]
	}
	return b.String()
}

// PrintableCopy is a deep copy of v in which every text is Printable. It goes through all of v, so that no
// renderer has to know which texts are from outside. Texts that differ still do: keys of maps stay apart.
func PrintableCopy[T any](v T) T {
	out := reflect.New(reflect.TypeFor[T]()).Elem()
	out.Set(clean(reflect.ValueOf(&v).Elem()))
	return out.Interface().(T)
}

func clean(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(Printable(v.String()))
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			break
		}
		inner := clean(v.Elem())
		if v.Kind() == reflect.Interface {
			out.Set(inner)
			break
		}
		out.Set(reflect.New(inner.Type()))
		out.Elem().Set(inner)
	case reflect.Slice:
		if v.IsNil() || plainKind(v.Type().Elem().Kind()) {
			break
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(clean(v.Index(i)))
		}
	case reflect.Map:
		if v.IsNil() {
			break
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for key, value := range v.Seq2() {
			out.SetMapIndex(clean(key), clean(value))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			// Unexported fields, such as those of a time.Time, hold no text to print.
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(clean(v.Field(i)))
			}
		}
	}
	return out
}

// plainKind tells that values of a kind hold no text, so that the counts of a Timeline need not be copied one by one.
func plainKind(k reflect.Kind) bool { return k >= reflect.Bool && k <= reflect.Complex128 }
