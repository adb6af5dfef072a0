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

	"github.com/canarylab/canarylab/reports/format"
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
	if xList && yList {
		differLists(all, path, x, y)
		return
	}
	from, to := apart(brief(before), brief(after))
	*all = append(*all, fmt.Sprintf("%s: %s → %s", path, from, to))
}

// differLists lists what two lists have otherwise. Of lists of different lengths those elements are left out that are
// equal at the beginning and at the end, so that one that was added or taken out in between is told alone.
func differLists(all *[]string, path string, x, y []any) {
	begin, end := 0, 0
	if len(x) != len(y) {
		least := min(len(x), len(y))
		for begin < least && reflect.DeepEqual(x[begin], y[begin]) {
			begin++
		}
		for end < least-begin && reflect.DeepEqual(x[len(x)-1-end], y[len(y)-1-end]) {
			end++
		}
	}
	at := func(list []any, i int) any {
		if i < len(list)-end {
			return list[i]
		}
		return nil
	}
	for i := begin; i < max(len(x), len(y))-end; i++ {
		differ(all, fmt.Sprintf("%s[%d]", path, i), at(x, i), at(y, i))
	}
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
	return string(b)
}

// A value of more than most characters is cut. Of what two have in common, around stays on both sides of what differs.
const (
	most   = 160
	around = 20
)

// apart cuts two values that are not equal, so that what they have otherwise is shown.
func apart(before, after string) (x, y string) {
	a, b := []rune(before), []rune(after)
	if max(len(a), len(b)) <= most {
		return before, after
	}
	least := min(len(a), len(b))
	begin, end := 0, 0
	for begin < least && a[begin] == b[begin] {
		begin++
	}
	for end < least-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	cut := func(text []rune) string {
		from, to := max(begin-around, 0), min(len(text)-end+around, len(text))
		shown, rest := text[from:to], to < len(text)
		if len(shown) > most {
			shown, rest = shown[:most], true
		}
		return format.When(from > 0, "…") + string(shown) + format.When(rest, "…")
	}
	return cut(a), cut(b)
}
