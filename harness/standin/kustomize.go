package standin

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/manifest"
)

// isKustomization tells whether a file's name is one of a kustomization.
func isKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}

// kustomizationIn returns the file that makes a folder a kustomization.
func kustomizationIn(folder string) (path string, ok bool) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, true
		}
	}
	return "", false
}

// kustomization builds a folder as kustomize build does, with its defaults: no plugins, no Helm, and no file from
// outside of the folder and its bases.
func (l *loader) kustomization(folder string) error {
	before := len(l.problems)
	l.checkLocal(folder, map[string]bool{})
	if len(l.problems) > before {
		return nil
	}
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		l.add(manifest.Problem{File: folder, Text: fmt.Sprintf("kustomize can't build it: %s. If it builds for you "+
			"with other settings, give canarylab the output: kustomize build %s | canarylab test -",
			strings.TrimSuffix(strings.Join(strings.Fields(err.Error()), " "), "."), folder)})
		return nil
	}
	if n := made.Size(); n > MaxObjects-len(l.set.Objects) {
		l.tooMany(folder)
		return nil
	}
	b, err := made.AsYaml()
	if err != nil {
		return fmt.Errorf("print what kustomize made of %s: %w", folder, err)
	}
	l.made = true
	l.stream(folder, b, true)
	l.made = false
	return nil
}

// elsewhere finds what kustomize would clone with git.
var elsewhere = regexp.MustCompile(`://|^(git::|gh:|[\w-]+@|github\.com[/:])|\?|\.git(/|$)|[^.]//`)

// pathFields are the fields of a kustomization, and of the transformers that it names, whose texts are paths.
var pathFields = []string{"resources", "bases", "components", "crds", "configurations", "generators", "transformers",
	"validators", "patchesStrategicMerge", "path", "paths", "files", "envs", "env", "file"}

// checkLocal finds what kustomize would fetch from elsewhere, in a folder and in its bases. The lab fetches nothing.
func (l *loader) checkLocal(folder string, seen map[string]bool) {
	folder = filepath.Clean(folder)
	path, ok := kustomizationIn(folder)
	if !ok || seen[folder] {
		return // kustomize says what is wrong
	}
	seen[folder] = true
	b, err := os.ReadFile(path)
	if err != nil || len(b) > maxBytes {
		l.add(manifest.Problem{File: path, Text: "it can't be read"})
		return
	}
	content := map[string]any{}
	if err := yaml.Unmarshal(b, &content); err != nil {
		return
	}
	walkPaths(content, func(field, value string) {
		if elsewhere.MatchString(value) {
			l.add(manifest.Problem{File: path, Line: lineOf(b, value), Text: fmt.Sprintf("%s is not on this machine, "+
				"and the lab fetches nothing: build it yourself, and give canarylab the output: "+
				"kustomize build %s | canarylab test -", value, folder)})
			return
		}
		below := filepath.Join(folder, value)
		info, err := os.Stat(below)
		switch {
		case err != nil:
		case info.IsDir():
			l.checkLocal(below, seen)
		case slices.Contains([]string{"generators", "transformers", "validators"}, field):
			l.checkPlugin(below)
		}
	})
}

// checkPlugin looks for paths of elsewhere in a file that configures one of kustomize's own transformers.
func (l *loader) checkPlugin(path string) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) > maxBytes {
		return
	}
	for _, d := range split(b, MaxObjects) {
		content := map[string]any{}
		if yaml.Unmarshal(d.text, &content) != nil {
			continue
		}
		walkPaths(content, func(_, value string) {
			if elsewhere.MatchString(value) {
				l.add(manifest.Problem{File: path, Line: lineOf(b, value),
					Text: value + " is not on this machine, and the lab fetches nothing"})
			}
		})
	}
}

// walkPaths calls found for each text at or below a path field that is one line.
func walkPaths(in any, found func(field, value string)) {
	var walk func(in any, field string)
	walk = func(in any, field string) {
		switch in := in.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(in)) {
				v := in[name]
				if slices.Contains(pathFields, name) {
					walk(v, name)
				} else if _, isText := v.(string); !isText {
					walk(v, "")
				}
			}
		case []any:
			for _, v := range in {
				walk(v, field)
			}
		case string:
			if field != "" && !strings.Contains(in, "\n") {
				found(field, in)
			}
		}
	}
	walk(in, "")
}

// lineOf is the first line that has a text.
func lineOf(b []byte, value string) int {
	before, _, ok := strings.Cut(string(b), value)
	if !ok {
		return 0
	}
	return strings.Count(before, "\n") + 1
}
