package manifest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	yamlnode "go.yaml.in/yaml/v3"
	"istio.io/istio/manifests"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// istio checks an object of one of Istio's kinds: first by its CRD, as an API server does, then as Istio's
// webhook does.
func (c *checker) istio(o object) {
	all, err := definitions()
	if err != nil {
		c.add(0, "%s", err)
		return
	}
	got := o.GroupVersionKind()
	byVersion, ok := all[got.GroupKind()]
	if !ok {
		var kinds []string
		for gk := range all {
			if gk.Group == got.Group {
				kinds = append(kinds, gk.Kind)
			}
		}
		slices.Sort(kinds)
		c.add(o.line("kind"), "Istio has no kind %s in %s%s", got.Kind, got.Group, Hint(got.Kind, kinds))
		return
	}
	if want := newest(byVersion); got.Version != want {
		c.add(o.line("apiVersion"), "%s is %s in this Istio, not %s", got.Kind, got.Group+"/"+want, o.GetAPIVersion())
		return
	}
	before := len(c.problems)
	c.definition(o, byVersion[got.Version])
	if len(c.problems) == before {
		c.webhook(o)
	}
}

// IstioVersions returns the versions in which the Istio of go.mod serves a kind, the one that a manifest should have
// first. It is empty for a kind that Istio does not have.
func IstioVersions(kind schema.GroupKind) []string {
	all, err := definitions()
	if err != nil || len(all[kind]) == 0 {
		return nil
	}
	first := newest(all[kind])
	versions := slices.Sorted(maps.Keys(all[kind]))
	slices.SortStableFunc(versions, func(a, b string) int {
		switch {
		case a == first:
			return -1
		case b == first:
			return 1
		}
		return 0
	})
	return versions
}

// newest returns the version that a manifest should have: v1 if there is one.
func newest(byVersion map[string]definition) string {
	for _, v := range []string{"v1", "v1beta1", "v1alpha3", "v1alpha1"} {
		if _, ok := byVersion[v]; ok {
			return v
		}
	}
	return slices.Max(slices.Collect(maps.Keys(byVersion)))
}

// Istio returns what the API server and Istio's webhook would refuse an object of Istio's for, in any version that
// Istio serves. node is the object's, in a document of file before which there are as many lines as before says.
func Istio(file string, u *unstructured.Unstructured, node *yamlnode.Node, before int) []Problem {
	all, err := definitions()
	if err != nil {
		return []Problem{{File: file, Text: err.Error()}}
	}
	d, ok := all[u.GroupVersionKind().GroupKind()][u.GroupVersionKind().Version]
	if !ok {
		return []Problem{{File: file, Line: before + node.Line, Text: "Istio has no " + u.GroupVersionKind().String()}}
	}
	c := &checker{file: file, lenient: true}
	c.definition(object{u, node}, d)
	if len(c.problems) == 0 {
		c.webhook(object{u, node})
	}
	for i := range c.problems {
		c.problems[i].Line += before
	}
	return c.problems
}

// definition checks what the API server checks: unknown fields, as kubectl asks it to, and the types and bounds
// of the CRD's schema.
func (c *checker) definition(o object, d definition) {
	content := o.DeepCopy().Object
	track := structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(content, d.fields, true, track) {
		c.addUnknown(o, path, func(parent string) []string { return namesAt(d.fields, parent) })
	}
	for _, err := range validation.ValidateCustomResource(nil, content, d.validator) {
		text := err.ErrorBody()
		if err.Type == field.ErrorTypeTypeInvalid {
			text = strings.TrimPrefix(err.Detail, err.Field+" in body ")
		}
		c.add(o.line(err.Field), "%s: %s", err.Field, text)
	}
}

// namesAt returns the names of the fields that a schema has at a path.
func namesAt(s *structural.Structural, path string) []string {
	for _, step := range steps.FindAllString(path, -1) {
		next, ok := s.Properties[step]
		switch {
		case ok:
			s = &next
		case s.Items != nil:
			s = s.Items
		case s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil:
			s = s.AdditionalProperties.Structural
		default:
			return nil
		}
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

// anyEnvoyFilter begins the warning that Istio gives for every EnvoyFilter, whatever is in it.
const anyEnvoyFilter = "EnvoyFilter exposes internal implementation details"

// webhook adds what Istio's validation rejects, and what it warns of.
func (c *checker) webhook(o object) {
	wrong := func(err error) {
		for _, err := range flatten(err) {
			if text := err.Error(); !strings.HasPrefix(text, anyEnvoyFilter) {
				c.add(o.lineOfQuoted(text), "%s %s: Istio's validation: %s", o.GetKind(), o.GetName(), text)
			}
		}
	}
	group := o.GroupVersionKind()
	s, ok := collections.Pilot.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&group))
	if !ok {
		c.add(o.line("kind"), "istiod does not read %s", o.GetKind())
		return
	}
	b, err := json.Marshal(o.Object)
	if err != nil {
		wrong(err)
		return
	}
	var raw crd.IstioKind
	if err := json.Unmarshal(b, &raw); err != nil {
		wrong(err)
		return
	}
	config, err := crd.ConvertObject(s, &raw, "")
	if err != nil {
		wrong(err)
		return
	}
	warning, err := s.ValidateConfig(*config)
	wrong(err)
	if !c.lenient {
		wrong(warning)
	}
}

// quoted finds a value in an error's text.
var quoted = regexp.MustCompile(`"([^"]+)"`)

// lineOfQuoted returns the line of the value that an error without a path quotes, if only one field has it.
// Otherwise it returns the line of the spec.
func (o object) lineOfQuoted(text string) int {
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		if lines := linesOf(o.node, m[1]); len(lines) == 1 {
			return lines[0]
		}
	}
	return o.line("spec")
}

// A definition is what a CRD says of one version of a kind.
type definition struct {
	fields    *structural.Structural
	validator validation.SchemaValidator
}

// definitions are those of the Istio in go.mod, by kind and version.
var definitions = sync.OnceValues(func() (map[schema.GroupKind]map[string]definition, error) {
	b, err := fs.ReadFile(manifests.FS, "charts/base/files/crd-all.gen.yaml")
	if err != nil {
		return nil, fmt.Errorf("read Istio's CRDs: %w", err)
	}
	all := map[schema.GroupKind]map[string]definition{}
	for _, text := range documents(b) {
		var v1 apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal([]byte(text), &v1); err != nil {
			return nil, fmt.Errorf("parse Istio's CRDs: %w", err)
		}
		if v1.Kind != "CustomResourceDefinition" {
			continue
		}
		var one apiextensions.CustomResourceDefinition
		err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &one,
			nil)
		if err != nil {
			return nil, fmt.Errorf("read Istio's CRD %s: %w", v1.Name, err)
		}
		kind := schema.GroupKind{Group: one.Spec.Group, Kind: one.Spec.Names.Kind}
		for _, v := range one.Spec.Versions {
			if !v.Served {
				continue
			}
			s := v.Schema
			if s == nil { // the conversion moves a schema that all versions share
				s = one.Spec.Validation
			}
			d, err := newDefinition(s)
			if err != nil {
				return nil, fmt.Errorf("read the schema of Istio's CRD %s: %w", v1.Name, err)
			}
			if all[kind] == nil {
				all[kind] = map[string]definition{}
			}
			all[kind][v.Name] = d
		}
	}
	return all, nil
})

func newDefinition(s *apiextensions.CustomResourceValidation) (definition, error) {
	fields, err := structural.NewStructural(s.OpenAPIV3Schema)
	if err != nil {
		return definition{}, err
	}
	validator, _, err := validation.NewSchemaValidator(s.OpenAPIV3Schema)
	if err != nil {
		return definition{}, err
	}
	return definition{fields, validator}, nil
}
