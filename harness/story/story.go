// Package story reads and writes a scenario as a folder without Go: a story.yaml with what the literal of a
// harness.Scenario says, and the manifests beside it.
//
// There is one way for all that a story is made of. The fields of the structs are the keys, in camel case; what a step,
// a proof, an expectation, a detector or a check can be follows from the packages that know them (harness.Steps,
// expect.Kinds and so on). So a new one can be written without a word about it here.
package story

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/manifest"
)

// File is the file that makes a folder a story.
const File = "story.yaml"

// maxFile bounds a file of a story, in bytes. Kubernetes takes no object above 1.5 MB.
const maxFile = 2 << 20

// ErrNoStory is wrapped by errors about a folder that has no story.yaml.
var ErrNoStory = errors.New("no story")

// Problems is what is wrong with the files of a story, in the order of their lines: at least one.
type Problems []manifest.Problem

// Error has a line for each problem: "my-story/story.yaml:12:5: …".
func (p Problems) Error() string { return strings.Join(p.Lines(), "\n") }

// Lines returns each problem with its place.
func (p Problems) Lines() (all []string) {
	for _, one := range p {
		all = append(all, one.Error())
	}
	return all
}

// Is tells whether the command line means a folder by a word: it has a slash, or there is a story of that name here.
func Is(word string) bool {
	if word == "." || word == ".." || strings.ContainsRune(word, '/') {
		return true
	}
	_, err := os.Stat(filepath.Join(word, File))
	return err == nil
}

// Read reads the story in a folder, whose story.yaml may be given too. Its manifests are read now: what is changed
// later does not reach a run. An error is Problems where files are wrong, and wraps ErrNoStory where there is none.
func Read(dir string) (harness.Scenario, error) {
	if filepath.Base(dir) == File {
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, File)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return harness.Scenario{}, fmt.Errorf("%w in %s: it has no %s (canarylab scenario new --yaml writes one)",
			ErrNoStory, dir, File)
	}
	if err != nil {
		return harness.Scenario{}, fmt.Errorf("read the story: %w", err)
	}
	f := &folder{dir: dir, files: map[string][]byte{}}
	if err := f.readManifests(); err != nil {
		return harness.Scenario{}, fmt.Errorf("read the story's manifests: %w", err)
	}
	r := &reader{file: path}
	s := r.scenario(text)
	s.Folder, s.Files = dir, f
	r.findFiles(f)
	f.name, f.reader = s.Name, r
	if len(r.problems) > 0 {
		r.problems = append(r.problems, f.wrongManifests(s)...)
		return harness.Scenario{}, Problems(r.problems)
	}
	return s, nil
}

// readFile reads a file that is not too large.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return text, err
}

// scenario reads the one document of a story.yaml.
func (r *reader) scenario(text []byte) (s harness.Scenario) {
	root := r.document(text, "a story")
	if root == nil {
		return s
	}
	r.value(root, reflect.ValueOf(&s).Elem(), File)
	r.root = root
	sortByPlace(r.problems)
	return s
}

// findFiles finds the files that steps name and the folder does not have.
func (r *reader) findFiles(f *folder) {
	for _, m := range r.marks {
		step, ok := m.thing.(harness.Step)
		if !ok {
			continue
		}
		file := step.Action().File
		if _, there := f.files[file]; file == "" || there {
			continue
		}
		names := f.names()
		r.add(m.node, "there is no file %s beside %s%s (there are: %s)", file, File, manifest.Hint(file, names),
			strings.Join(names, ", "))
	}
	sortByPlace(r.problems)
}

// sortByPlace brings problems into the order of their places.
func sortByPlace(all []manifest.Problem) {
	slices.SortStableFunc(all, func(a, b manifest.Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// wrongManifests are the mistakes in the manifests that steps apply.
func (f *folder) wrongManifests(s harness.Scenario) (all []manifest.Problem) {
	if s.Name == "" {
		return nil
	}
	told := map[string]bool{}
	for _, p := range s.Phases {
		a := p.Action()
		if a == nil || told[a.File] {
			continue
		}
		told[a.File] = true
		if text, ok := f.files[a.File]; ok {
			all = append(all, manifest.Check(filepath.Join(f.dir, a.File), s.Namespaces(), text)...)
		}
	}
	return all
}
