package kube

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// MapStrings replaces each string of an object, but for the names of its fields, by what f makes of it.
func MapStrings(o *unstructured.Unstructured, f func(string) string) { mapStrings(o.Object, f) }

func mapStrings(v any, f func(string) string) any {
	switch v := v.(type) {
	case string:
		return f(v)
	case []any:
		for i := range v {
			v[i] = mapStrings(v[i], f)
		}
	case map[string]any:
		for k := range v {
			v[k] = mapStrings(v[k], f)
		}
	}
	return v
}
