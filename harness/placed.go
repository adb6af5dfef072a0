package harness

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing/fstest" // its MapFS is the standard library's file system in memory

	"github.com/canarylab/canarylab/harness/kube"
)

// Movable tells whether the scenario can be played in another namespace: not where Site says in which, as somebody's
// own manifests do, whose hosts are called by names.
func (s Scenario) Movable() bool { return len(s.Site.Namespaces) == 0 }

// In returns the scenario as it is played in another namespace than its own one. Its manifests differ in nothing else,
// not even in their comments. It is an error where it is not Movable, or where its manifests name its namespace in a
// way that can't be told from something else.
func (s Scenario) In(ns string) (Scenario, error) {
	if !s.Movable() {
		return s, fmt.Errorf("%s is played in %s, as its manifests say, and in no other namespace", s.Name,
			strings.Join(s.Namespaces(), ", "))
	}
	own := s.home()
	if own == ns {
		return s, nil
	}
	moved := fstest.MapFS{}
	if err := fs.WalkDir(s.Files, s.Name, func(file string, is fs.DirEntry, err error) error {
		if err != nil || is.IsDir() {
			return err
		}
		b, err := fs.ReadFile(s.Files, file)
		if err != nil {
			return err
		}
		ofTwin := path.Base(path.Dir(file)) == TwinFolder
		if path.Ext(file) == ".yaml" && (ofTwin || slices.Contains(s.used(), path.Base(file))) {
			if b, err = inNamespace(b, own, ns); err != nil {
				return fmt.Errorf("%s: %w", path.Base(file), err)
			}
		}
		moved[file] = &fstest.MapFile{Data: b, Mode: 0o644}
		return nil
	}); err != nil {
		return s, fmt.Errorf("play %s in namespace %s: %w", s.Name, ns, err)
	}
	s.Files = moved
	s.Site.Namespaces = []string{ns}
	s.Load.URL = hostIn(s.Load.URL, own, ns)
	return s, nil
}

// hostIn moves a host that names its namespace, such as my-service.demo or my-service.demo.svc.
func hostIn(url, own, ns string) string {
	return regexp.MustCompile(`\.`+regexp.QuoteMeta(own)+`([:/]|\.svc|$)`).ReplaceAllString(url, "."+ns+"${1}")
}

// inNamespace moves the objects of a manifest from one namespace to another.
func inNamespace(b []byte, own, ns string) ([]byte, error) {
	want, err := kube.Objects(b)
	if err != nil {
		return nil, err
	}
	name := regexp.QuoteMeta(own)
	inMetadata := regexp.MustCompile(`(\bnamespace:[ \t]*["']?)` + name + `(["']?[ \t]*(?:[,}#\r\n]|$))`)
	ofNamespace := regexp.MustCompile(`(\bname:[ \t]*["']?)` + name + `(["']?[ \t]*(?:[,}#\r\n]|$))`)
	host := regexp.MustCompile(`\.` + name + `\.svc\b`)
	docs := bytes.SplitAfter(b, []byte("\n---"))
	for i, doc := range docs {
		doc = inMetadata.ReplaceAll(doc, []byte("${1}"+ns+"${2}"))
		doc = host.ReplaceAll(doc, []byte("."+ns+".svc"))
		if kindOfNamespace.Match(doc) {
			doc = ofNamespace.ReplaceAll(doc, []byte("${1}"+ns+"${2}"))
		}
		docs[i] = doc
	}
	b = bytes.Join(docs, nil)
	got, err := kube.Objects(b)
	if err != nil {
		return nil, err
	}
	for i, o := range want {
		ref := kube.RefOf(o)
		moveObject(o, own, ns)
		if i >= len(got) || !reflect.DeepEqual(o.Object, got[i].Object) {
			return nil, fmt.Errorf("%s names its namespace in a way that is not understood", ref)
		}
	}
	return b, nil
}

var kindOfNamespace = regexp.MustCompile(`(?m)\bkind:[ \t]*["']?Namespace\b`)

// moveObject does to an object what inNamespace does to its text.
func moveObject(o object, own, ns string) {
	if o.GetKind() == "Namespace" && o.GetName() == own {
		o.SetName(ns)
	}
	if o.GetNamespace() == own {
		o.SetNamespace(ns)
	}
	kube.MapStrings(o, func(s string) string { return strings.ReplaceAll(s, "."+own+".svc", "."+ns+".svc") })
}

// ChangesNamespace tells whether a phase changes the namespace itself, such as its labels.
func (s Scenario) ChangesNamespace() bool {
	first, err := s.namespaces()
	if err != nil {
		return false // Validate says so
	}
	for _, p := range s.Phases[1:] {
		w, ok := p.Do.(writer)
		if !ok {
			continue
		}
		applied, deleted, err := w.writes(s)
		if err != nil {
			return false
		}
		for _, o := range slices.Concat(applied, deleted) {
			if o.GetKind() == "Namespace" && !slices.ContainsFunc(first, func(f object) bool {
				return reflect.DeepEqual(f.Object, o.Object)
			}) {
				return true
			}
		}
	}
	return false
}
