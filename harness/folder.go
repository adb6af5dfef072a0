package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// ManifestsDir is the folder, in that of a run, with the manifests that were applied.
const ManifestsDir = "manifests"

// The engine's own manifests in it. A scenario's files have other names.
const recorderFile, callersFile = "recorder.yaml", "callers.yaml"

// RunDir is the usual name of a run's folder in out: "20261123-061500-label-mismatch-k3x9qa". Names sort by time.
func RunDir(out, scenario, id string, at time.Time) string {
	return filepath.Join(out, at.UTC().Format("20060102-150405")+"-"+scenario+"-"+id)
}

// makeFolder makes the run's folder, with the manifests in it, and a trace that says what is claimed.
func (r *run) makeFolder() error {
	if err := os.MkdirAll(filepath.Join(r.options.Dir, ManifestsDir), 0o755); err != nil {
		return fmt.Errorf("make the run's folder: %w", err)
	}
	var err error
	if r.trace, err = trace.Create(filepath.Join(r.options.Dir, trace.File)); err != nil {
		return err
	}
	r.rec = newRecorder(r.trace, r.setup.Load, r.options.Tap)
	r.journal = newJournal(r.rec, r.pods)
	r.files = []reports.File{{
		Path: trace.File, What: "every event, request and access log entry: canarylab trace prints it",
	}}
	if err := errors.Join(r.keepManifests(), r.keepDraft()); err != nil {
		return errors.Join(err, r.trace.Close())
	}
	return nil
}

// keepManifests writes the manifests that are to be applied into the run's folder.
func (r *run) keepManifests() error {
	what := "applied as it is"
	if r.env.Adapts {
		what = "applied, with the images and labels of this cluster"
	}
	keep := func(name string, manifest []byte, err error) error {
		if err == nil {
			err = os.WriteFile(filepath.Join(r.options.Dir, ManifestsDir, name), manifest, 0o644)
		}
		if err != nil {
			return fmt.Errorf("keep a manifest: %w", err)
		}
		r.files = append(r.files, reports.File{Path: ManifestsDir + "/" + name, What: what})
		return nil
	}
	recorder, err := kube.YAML(r.addons.Recorder)
	if err := keep(recorderFile, recorder, err); err != nil {
		return err
	}
	callers, err := kube.YAML(r.addons.Callers)
	if err := keep(callersFile, callers, err); err != nil {
		return err
	}
	for _, file := range r.scenario.used() {
		manifest, err := r.scenario.manifest(file)
		if err == nil {
			manifest, err = withoutSecrets(manifest)
		}
		if err := keep(file, manifest, err); err != nil {
			return err
		}
	}
	return nil
}

// withoutSecrets is a file without what its Secrets hold: a run's folder is sent to others. A file without any stays as
// it is.
func withoutSecrets(manifest []byte) ([]byte, error) {
	all, err := kube.Objects(manifest)
	if err != nil {
		return nil, err
	}
	found := false
	for _, o := range all {
		if o.GetKind() != "Secret" {
			continue
		}
		for _, field := range []string{"data", "stringData"} {
			held, _ := o.Object[field].(map[string]any)
			for key := range held {
				held[key], found = "", true
			}
		}
	}
	if !found {
		return manifest, nil
	}
	return kube.YAML(all)
}
