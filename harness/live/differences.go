package live

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// differences lists the fields that two states of an object have otherwise, such as
// "spec.subsets[1].labels.version: v2.0 → v2". Nothing is listed of the status, nor of what the API server and its
// controllers note.
func differences(before, after *unstructured.Unstructured) []string {
	var all []string
	differ(&all, "", told(before), told(after))
	return all
}

// told is what somebody said of an object.
func told(o *unstructured.Unstructured) map[string]any {
	fields := map[string]any{}
	for name, value := range o.Object {
		switch name {
		case "status", "metadata", "apiVersion", "kind":
		default:
			fields[name] = value
		}
	}
	annotations := map[string]any{}
	for k, v := range o.GetAnnotations() {
		if k != corev1.LastAppliedConfigAnnotation && !strings.HasPrefix(k, "deployment.kubernetes.io/") {
			annotations[k] = v
		}
	}
	labels := map[string]any{}
	for k, v := range o.GetLabels() {
		labels[k] = v
	}
	fields["labels"], fields["annotations"] = labels, annotations
	if o.GetDeletionTimestamp() != nil {
		fields["deleted"] = true // and something holds it
	}
	return fields
}

func differ(all *[]string, path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	a, aMap := before.(map[string]any)
	b, bMap := after.(map[string]any)
	if aMap && bMap {
		names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			differ(all, strings.TrimPrefix(path+"."+name, "."), a[name], b[name])
		}
		return
	}
	x, xList := before.([]any)
	y, yList := after.([]any)
	if xList && yList && len(x) == len(y) {
		for i := range x {
			differ(all, fmt.Sprintf("%s[%d]", path, i), x[i], y[i])
		}
		return
	}
	*all = append(*all, fmt.Sprintf("%s: %s → %s", path, brief(before), brief(after)))
}

// brief is a field's value in a few words.
func brief(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 80
	if text := []rune(string(b)); len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(b)
}
