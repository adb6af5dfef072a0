package standin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/manifest"
)

const (
	// MaxObjects bounds the objects of a set. The largest teams' folders have some hundred, and a lab of one node is
	// no place for more.
	MaxObjects = 2000
	// maxBytes bounds what is read of one file, of stdin, and of all files. 2,000 objects of 8 kB each are less. An
	// object has 1.5 MB at most in etcd, but one of routing or a workload that has 8 kB is a large one.
	maxBytes = 16 << 20
	// maxShown bounds the problems of an error.
	maxShown = 20
)

// A loader gathers a Set and what is wrong with it.
type loader struct {
	set      Set
	problems []manifest.Problem
	// seen has where each object is, by its kind, namespace and name.
	seen map[string]Source
	// full tells that there are too many objects, so that nothing more is read.
	full bool
	// made tells that kustomize made what is read: no line of it is one that somebody wrote.
	made bool
	// bytes counts what was read.
	bytes int
	// except are files that are not read though they are in a folder that is.
	except []string
}

func (l *loader) add(p manifest.Problem) { l.problems = append(l.problems, p) }

// tooMany refuses what has more objects than the bound.
func (l *loader) tooMany(file string) {
	l.full = true
	l.add(manifest.Problem{File: file, Text: fmt.Sprintf("there are more than %d objects: name only the files of the "+
		"service that is to be tried, and of those that it calls", MaxObjects)})
}

// err is what is wrong.
func (l *loader) err() error { return joined(l.problems) }

// joined makes one error of problems, nil of none.
func joined(problems []manifest.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	shown := problems[:min(len(problems), maxShown)]
	var all []error
	for _, p := range shown {
		all = append(all, p)
	}
	if n := len(problems) - len(shown); n > 0 {
		all = append(all, fmt.Errorf("and %d more of the kind", n))
	}
	return fmt.Errorf("%w:\n%w", ErrInput, errors.Join(all...))
}

// Load reads a team's manifests. A path is a file of YAML or JSON, a folder, which is read with all folders in it, a
// folder with a kustomization.yaml, which is built, or "-" for stdin: what helm template prints. Nothing is fetched
// from elsewhere. In a folder, what is not a manifest at all is left out; in a file that is named, it is a mistake.
//
// The error has everything that is wrong with them, and wraps ErrInput: what is no manifest, what is there twice, and
// kinds that would leave the lab or that its Istio does not have. except are files that are left out of the folders.
func Load(ctx context.Context, paths []string, stdin io.Reader, except ...string) (*Set, error) {
	l := &loader{seen: map[string]Source{}}
	for _, path := range except {
		l.except = append(l.except, absolute(path))
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: no file is named: name files, folders, or - for stdin", ErrInput)
	}
	for i, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if i != slices.Index(paths, path) {
			l.add(manifest.Problem{File: path, Text: "it is named twice: name it once"})
			continue
		}
		if err := l.path(path, stdin); err != nil {
			return nil, err
		}
		if l.full {
			break
		}
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	if len(l.set.Objects) == 0 {
		return nil, fmt.Errorf("%w: there is nothing to apply in %s%s", ErrInput, strings.Join(paths, ", "),
			leftOut(l.set.Notes))
	}
	return &l.set, nil
}

// leftOut says that notes are the reason why nothing is there.
func leftOut(notes []Note) string {
	if len(notes) == 0 {
		return ""
	}
	return ": all of it was left out, first " + notes[0].String()
}

// path reads one path as it was given. Its error is the machine's.
func (l *loader) path(path string, stdin io.Reader) error {
	if path == "-" {
		if stdin == nil {
			return fmt.Errorf("%w: - names stdin, and there is none", ErrInput)
		}
		b, err := io.ReadAll(io.LimitReader(stdin, maxBytes+1))
		if err != nil {
			return fmt.Errorf("read stdin: %w", err)
		}
		l.stream(Stdin, b, true)
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.add(manifest.Problem{File: path, Text: "there is no such file or folder"})
		return nil
	case err != nil:
		return fmt.Errorf("read the manifests: %w", err)
	case info.IsDir():
		return l.folder(path)
	case isKustomization(filepath.Base(path)):
		return l.kustomization(filepath.Dir(path))
	}
	return l.file(path, true)
}

// file reads a file. strict tells that it was named, so that it has to be a manifest.
func (l *loader) file(path string, strict bool) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the manifests: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		l.add(manifest.Problem{File: path, Text: "it is no regular file: name a file, a folder, or - for stdin"})
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return fmt.Errorf("read the manifests: %w", err)
	}
	l.stream(path, b, strict)
	return nil
}

// stream reads what a file or stdin has.
func (l *loader) stream(file string, b []byte, strict bool) {
	if l.bytes += len(b); l.bytes > maxBytes {
		l.full = true
		l.add(manifest.Problem{File: file, Text: fmt.Sprintf("with it, more than %d MB would be read: name only the "+
			"files of the service that is to be tried", maxBytes>>20)})
		return
	}
	if slices.Contains(b, 0) {
		l.add(manifest.Problem{File: file, Text: "it is no text: " + wanted})
		return
	}
	l.objects(file, b, MaxObjects-len(l.set.Objects), strict)
}

// folder reads a folder's manifests and those of the folders in it, in the order of their names.
func (l *loader) folder(root string) error {
	if _, ok := kustomizationIn(root); ok {
		return l.kustomization(root)
	}
	var files, built []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case d.Name() == "Chart.yaml":
			l.add(manifest.Problem{File: filepath.Dir(path), Text: "this is a Helm chart: render it, and give " +
				"canarylab the output: helm template NAME " + filepath.Dir(path) + " | canarylab test -"})
			return filepath.SkipDir
		case d.IsDir():
			if _, ok := kustomizationIn(path); ok {
				built = append(built, path)
				return filepath.SkipDir
			}
		case slices.Contains(l.except, absolute(path)):
		case slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path))):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the manifests: %w", err)
	}
	switch {
	case len(built) > 1 || len(built) == 1 && len(files) > 0:
		// One of them may be another's base: all together would be everything twice.
		l.add(manifest.Problem{File: root, Text: fmt.Sprintf("there are kustomizations in it: name the one to be "+
			"built, as in canarylab test %s", built[len(built)-1])})
		return nil
	case len(built) == 1:
		return l.kustomization(built[0])
	}
	before, notes := len(l.set.Objects)+len(l.problems), len(l.set.Notes)
	for _, path := range files {
		if err := l.file(path, false); err != nil || l.full {
			return err
		}
	}
	if before == len(l.set.Objects)+len(l.problems) && !slices.ContainsFunc(l.set.Notes[notes:], func(n Note) bool {
		return n.Object != ""
	}) {
		l.add(manifest.Problem{File: root, Text: fmt.Sprintf("there is no manifest in it: %s of *.yaml, *.yml and "+
			"*.json were read, and %s", plural(len(files), "file"), wanted)})
	}
	return nil
}

// absolute is a path from the root, however it is named; as it is named where nobody knows.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// plural is "1 file" or "3 files".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// object takes an object into the set, leaves it out, or refuses it.
func (l *loader) object(o Object, strict bool) {
	if o.GetKind() == "" && o.GetAPIVersion() == "" && !strict {
		l.set.Notes = append(l.set.Notes, Note{Source: o.Source, Kind: LeftOut, Text: "It is no manifest."})
		return
	}
	var lacks []string
	for _, f := range []struct{ name, value string }{
		{"apiVersion", o.GetAPIVersion()}, {"kind", o.GetKind()},
		{"metadata.name", cmp.Or(o.GetName(), o.GetGenerateName())},
	} {
		if f.value == "" {
			lacks = append(lacks, f.name)
		}
	}
	if len(lacks) > 0 {
		l.add(o.problem("", "it lacks %s: %s", strings.Join(lacks, " and "), wanted))
		return
	}
	switch verdict, why := l.judge(o); verdict {
	case refused:
		l.add(o.problem("kind", "%s: %s", o.title(), why))
		return
	case leaveOut:
		l.set.Notes = append(l.set.Notes, o.note(LeftOut, "%s", why))
		return
	}
	if len(l.set.Objects) == MaxObjects {
		l.tooMany(o.Source.File)
		return
	}
	key := o.GroupVersionKind().GroupKind().String() + " " + o.GetNamespace() + "/" + o.GetName()
	if first, ok := l.seen[key]; ok {
		l.add(o.problem("", "%s is there twice, first in %s: keep one", o.title(), first))
		return
	}
	l.seen[key] = o.Source
	if p, ok := o.check(); !ok {
		l.add(p)
		return
	}
	clean(o)
	if o.class() == routing && !o.kube() {
		if problems := manifest.Istio(o.Source.File, o.Unstructured, o.fields.node,
			o.fields.before); len(problems) > 0 {
			for _, p := range problems {
				l.add(o.at(p))
			}
			return
		}
	}
	l.set.Objects = append(l.set.Objects, o)
}

// check finds what is wrong with a Service's ports and with a workload's template.
func (o Object) check() (manifest.Problem, bool) {
	switch k := o.class(); {
	case o.GetKind() == "Service" && k == service:
		headless := text(o.Object, "spec", "clusterIP") == "None"
		external := text(o.Object, "spec", "type") == "ExternalName"
		if ports := list(o.Object, "spec", "ports"); len(ports) == 0 && !headless && !external {
			return o.problem("spec", "%s has no ports, so that Kubernetes would refuse it: write spec.ports, each "+
				"with a name such as http and a port", o.title()), false
		}
		for i, p := range list(o.Object, "spec", "ports") {
			if n := number(p, "port"); n < 1 || n > 65535 {
				return o.problem(fmt.Sprintf("spec.ports[%d].port", i), "%s has a port that is no number from 1 to "+
					"65535", o.title()), false
			}
		}
	case k == workload && len(o.podMeta()) == 0:
		if o.GetKind() == "Rollout" && text(o.Object, "spec", "workloadRef", "name") != "" {
			return manifest.Problem{}, true
		}
		if o.GetKind() != "Pod" {
			return o.problem("spec", "%s has no spec.template.metadata.labels, so that no Service can select its "+
				"pods: write them", o.title()), false
		}
	}
	return manifest.Problem{}, true
}

// clean takes away what a cluster has added to an object that was read from it.
func clean(o Object) {
	delete(o.Object, "status")
	meta, _ := o.Object["metadata"].(map[string]any)
	for _, name := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
		"ownerReferences", "finalizers", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		delete(meta, name)
	}
	annotations := o.GetAnnotations()
	if _, ok := annotations["kubectl.kubernetes.io/last-applied-configuration"]; ok {
		delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
		o.SetAnnotations(annotations)
	}
}
