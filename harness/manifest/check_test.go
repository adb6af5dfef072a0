package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const service = `apiVersion: v1
kind: Service
metadata:
  name: my-service
  namespace: demo
spec:
  selector:
    app: my-service
  ports:
  - name: http
    port: 80
    targetPort: 8080
`

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: my-service-v2
  namespace: demo
spec:
  replicas: 1
  selector:
    matchLabels: {app: my-service, version: v2}
  template:
    metadata:
      labels:
        app: my-service
        version: v2
    spec:
      containers:
      - name: app
        image: canarylab/sampleapp:dev
        args: [--version=v2]
        resources:
          requests:
            memory: 16Mi
`

const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: my-service
  namespace: demo
spec:
  host: my-service
  subsets:
  - name: v1
    labels:
      version: v1
`

const route = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: my-service
  namespace: demo
spec:
  hosts:
  - my-service
  http:
  - match:
    - headers:
        x-user-group:
          exact: beta
    route:
    - destination:
        host: my-service
        subset: v1
      weight: 90
    - destination:
        host: my-service
        subset: v2
      weight: 10
    timeout: 3s
`

func TestCheckFindsTheMistakeAndItsLine(t *testing.T) {
	for _, tc := range []struct {
		name, yaml string
		old, new   string // what is replaced in yaml
		want       string // one problem, and its beginning
	}{
		{"syntax", route, "hosts:\n", "hosts\n", "f.yaml:9: mapping values are not allowed in this context"},
		{"a tab", route, "  hosts:", "\thosts:", "f.yaml:7: found character that cannot start any token"},
		{
			"a key twice", rule, "  host: my-service\n", "  host: my-service\n  host: other\n",
			`f.yaml:8: key "host" already set in map`,
		},
		{"no kind", service, "kind: Service\n", "", "f.yaml:1: an object lacks apiVersion, kind or metadata.name"},
		{
			"no namespace", service, "  namespace: demo\n", "",
			"f.yaml:3: Service my-service has no namespace: write metadata.namespace: demo",
		},
		{
			"another namespace", service, "namespace: demo", "namespace: dem",
			"f.yaml:5: Service my-service is in namespace dem, not in demo",
		},
		{"an empty file", "# nothing\n", "", "", "f.yaml: there is no object in it"},

		{
			"an unknown kind of Kubernetes'", deployment, "kind: Deployment", "kind: Deploymnt",
			"f.yaml:2: Kubernetes has no kind Deploymnt in apps/v1: did you mean Deployment?",
		},
		{
			"an old API of Kubernetes'", deployment, "apps/v1", "extensions/v1",
			"f.yaml:2: Kubernetes has no kind Deployment in extensions/v1",
		},
		{
			"an unknown field of Kubernetes'", deployment, "        image:", "        imag:",
			"f.yaml:18: unknown field spec.template.spec.containers[0].imag: did you mean image?",
		},
		{
			"an unknown field that is like none", deployment, "  replicas: 1", "  howMany: 1",
			"f.yaml:7: unknown field spec.howMany",
		},
		{
			"a word for a number", deployment, "replicas: 1", "replicas: one",
			"f.yaml:7: spec.replicas: want a whole number, got one",
		},
		{
			"a number for a label", deployment, "        version: v2\n    spec", "        version: 2\n    spec",
			"f.yaml:14: spec.template.metadata.labels[version]: want a string, got 2: put it in quotes",
		},
		{
			"YAML 1.1's yes for a label", deployment, "        version: v2\n    spec", "        version: yes\n    spec",
			"f.yaml:14: spec.template.metadata.labels[version]: want a string, got yes: put it in quotes",
		},
		{
			"a mapping for a list", service, "  - name: http\n    port: 80\n    targetPort: 8080\n",
			"    name: http\n    port: 80\n", "f.yaml:10: spec.ports: want a list, got a mapping",
		},
		{
			"no quantity", deployment, "16Mi", "16Mib",
			"f.yaml:22: spec.template.spec.containers[0].resources.requests[memory]: 16Mib can't be read as quantity",
		},

		{
			"an unknown kind of Istio's", route, "kind: VirtualService", "kind: VirtualServices",
			"f.yaml:2: Istio has no kind VirtualServices in networking.istio.io: did you mean VirtualService?",
		},
		{
			"an old API of Istio's", route, "networking.istio.io/v1", "networking.istio.io/v1beta1",
			"f.yaml:1: VirtualService is networking.istio.io/v1 in this Istio, not networking.istio.io/v1beta1",
		},
		{
			"an unknown field of Istio's", route, "    route:", "    rout:",
			"f.yaml:14: unknown field spec.http[0].rout: did you mean route?",
		},
		{
			"an unknown field deep in a list", route, "      weight: 10", "      wieght: 10",
			"f.yaml:22: unknown field spec.http[0].route[1].wieght: did you mean weight?",
		},
		{
			"an unknown field in a match", route, "          exact:", "          exactly:",
			"f.yaml:13: unknown field spec.http[0].match[0].headers.x-user-group.exactly: did you mean exact?",
		},
		{
			"a word for a weight", route, "weight: 10", "weight: ten",
			"f.yaml:22: spec.http[0].route[1].weight: must be of type integer: \"string\"",
		},
		{
			"no duration", route, "timeout: 3s", "timeout: soon",
			"f.yaml:23: VirtualService my-service: Istio's validation: bad Duration",
		},
		{
			"a field that is missing", route, "        host: my-service\n        subset: v2\n", "        subset: v2\n",
			"f.yaml:19: spec.http[0].route[1].destination.host: Required value",
		},
		{"what Istio's webhook refuses", route, "weight: 90", "weight: -90", "f.yaml:"},
		{
			"two subsets of one name", rule, "  - name: v1\n",
			"  - name: v1\n    labels: {version: v3}\n  - name: v1\n",
			"f.yaml:6: DestinationRule my-service: Istio's validation: duplicate subset names",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(tc.yaml, tc.old) {
				t.Fatalf("the test's %q is not in its manifest", tc.old)
			}
			got := Check("f.yaml", []string{"demo"}, []byte(strings.Replace(tc.yaml, tc.old, tc.new, 1)))
			if len(got) != 1 || !strings.HasPrefix(got[0].Error(), tc.want) {
				t.Errorf("got %q, want one problem that begins with %q", got, tc.want)
			}
		})
	}
}

func TestCheckTakesWhatIsRight(t *testing.T) {
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: demo\n"
	filter := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata:\n  name: f\n  namespace: " +
		"demo\nspec:\n" +
		"  workloadSelector:\n    labels: {version: v2}\n  configPatches:\n  - applyTo: HTTP_FILTER\n    match:\n   " +
		"   context: SIDECAR_INBOUND\n" +
		"    patch:\n      operation: INSERT_FIRST\n      value:\n        name: f\n        typed_config:\n" +
		"          \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n          " +
		"max_request_bytes: 10\n"
	list := "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: " +
		"demo}, data: {a: b}}\n"
	stream := strings.Join([]string{"# A comment.\n", namespace, service, deployment, rule, route, filter, list},
		"---\n")
	if got := Check("f.yaml", []string{"demo"}, []byte(stream)); len(got) > 0 {
		t.Errorf("got %q, want no problem", got)
	}
}

// Check reports each of several problems, in the order of lines, also across documents and in lists.
func TestCheckFindsAll(t *testing.T) {
	list := "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a, " +
		"namespace: demo}\n  dat: {}\n"
	stream := "# first\n---\n" + strings.Replace(service, "targetPort", "targetport", 1) + "---\n" +
		strings.Replace(strings.Replace(route, "    match", "    mach", 1), "timeout", "timeuot",
			1) + "---\n" + list + "---\na: b: c\n"
	var got []string
	for _, p := range Check("f.yaml", []string{"demo"}, []byte(strings.Replace(stream, "  - match", "  - mach", 1))) {
		got = append(got, p.Error())
	}
	want := []string{
		"f.yaml:14: unknown field spec.ports[0].targetport: did you mean targetPort?",
		"f.yaml:25: unknown field spec.http[0].mach: did you mean match?",
		"f.yaml:38: unknown field spec.http[0].timeuot: did you mean timeout?",
		"f.yaml:46: unknown field dat: did you mean data?",
		"f.yaml:48: mapping values are not allowed in this context",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCheckTakesTheCatalogue(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/*/*.yaml")
	twins, errTwins := filepath.Glob("../../scenarios/*/gateway-api/*.yaml")
	if err = errors.Join(err, errTwins); err != nil || len(files) == 0 || len(twins) == 0 {
		t.Fatalf("got %d files and %d of twins, %v", len(files), len(twins), err)
	}
	files = append(files, twins...)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		story := strings.Split(filepath.ToSlash(file), "/")[3]
		// Two stories have callers in a second namespace.
		for _, p := range Check(file, []string{story, story + "-shop", story + "-elsewhere"}, b) {
			t.Error(p)
		}
	}
}

func TestObjectsHaveTheirLines(t *testing.T) {
	stream := service + "---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n" +
		"  metadata:\n    name: a\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: b}\n---\na: [\n"
	got, problems := Objects("a.yaml", []byte(stream))
	if len(got) != 3 || got[0].GetName() != "my-service" || got[1].GetName() != "a" || got[2].GetName() != "b" {
		t.Fatalf("got %d objects, want the Service and both pods of the list", len(got))
	}
	for _, c := range []struct {
		object int
		path   string
		line   int
	}{
		{0, "", 1}, {0, "spec.ports[0].port", 11}, {0, "spec.nothing", 6},
		{1, "", 19}, {1, "metadata.name", 22}, {2, "kind", 24},
	} {
		if line := got[c.object].Line(c.path); line != c.line {
			t.Errorf("object %d, %q: got line %d, want %d", c.object, c.path, line, c.line)
		}
	}
	if len(problems) != 1 || problems[0].File != "a.yaml" || problems[0].Line < 25 {
		t.Errorf("got problems %v, want the broken document's line", problems)
	}
}
