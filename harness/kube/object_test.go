package kube

import (
	"strings"
	"testing"
)

func TestObjects(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		want         []string // refs
		err          string
	}{
		{name: "empty", stream: "# nothing\n---\n---\n"},
		{
			name: "two, with a comment between",
			stream: "# first\napiVersion: v1\nkind: Namespace\nmetadata: {name: demo}\n---\n# second\n---\n" +
				"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: my-service, namespace: " +
				"demo}\n",
			want: []string{"Namespace demo", "VirtualService demo/my-service"},
		},
		{
			name: "a list is taken apart",
			stream: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a, " +
				"namespace: demo}}\n" +
				"- {apiVersion: v1, kind: Service, metadata: {name: b, namespace: demo}}\n",
			want: []string{"Service demo/a", "Service demo/b"},
		},
		{
			name:   "no name",
			stream: "apiVersion: v1\nkind: Namespace\nmetadata: {name: demo}\n---\napiVersion: v1\nkind: Service\n",
			err:    `document 2 lacks apiVersion, kind or metadata.name: got "v1", "Service" and ""`,
		},
		{name: "not YAML", stream: "a: b: c\n", err: "parse document 1"},
		{name: "a key twice", stream: "kind: A\nkind: B\n", err: `"kind" already set`},
	} {
		t.Run(c.name, func(t *testing.T) {
			objects, err := Objects([]byte(c.stream))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			var got []string
			for _, o := range objects {
				got = append(got, RefOf(o).String())
			}
			if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
