package reports

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Run is the opened folder of a run. All that is shown of a run is made from it.
type Run struct {
	Dir    string
	Report *Report
	// Problems says, a sentence each, which part of the folder is missing, damaged or foreign, and what can't be shown
	// therefore. The run's own troubles are in its Report.
	Problems []string

	manifests []Manifest
}

// A Manifest is a file that was applied in a run.
type Manifest struct {
	// Path is relative to the run's folder, such as manifests/2-canary.yaml.
	Path string
	Text string
}

// maxManifest bounds what is read of one manifest, in bytes: Kubernetes takes no object of more than 3 MB. maxManifests
// bounds all of them together.
const (
	maxManifest  = 4 << 20
	maxManifests = 16 << 20
)

// OpenRun opens the run in dir. It fails without a report, and says why there is none to read. Whatever else is
// missing, damaged or of another run is one of the Run's Problems.
//
// OpenRun looks at both ends of the trace and does not read it, unless the report is too old to have a
// Timeline: then it makes Timeline, Curves and close-ups from the trace, as far as that goes.
func OpenRun(dir string) (*Run, error) {
	report, err := Load(dir)
	if err != nil {
		if _, findErr := trace.Find(dir); errors.Is(err, fs.ErrNotExist) && findErr == nil {
			return nil, fmt.Errorf("open run: %s has a trace and no report, as a run that was killed leaves it: "+
				"canarylab verify makes it from the trace: %w", dir, err)
		}
		return nil, fmt.Errorf("open run: %w", err)
	}
	r := &Run{Dir: dir, Report: report}
	r.Problems = append(r.Problems, report.older...)
	r.trace()
	r.readManifests()
	return r, nil
}

// Manifests are the files that were applied, in the order of the report's Files, which is that of the phases.
func (r *Run) Manifests() []Manifest { return r.manifests }

func (r *Run) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// trace checks that the trace is there, whole and this run's, and takes from it what the report lacks.
func (r *Run) trace() {
	lacks := r.Report.Timeline == nil && r.Report.Accounting.Requests > 0
	lost := "single requests can't be looked up"
	if lacks {
		lost = "there is no timeline and no percentile curve"
	}
	unreadable := func(err error) {
		r.problem("The trace can't be read: %v; %s. The numbers are those of %s.", err, lost, ReportFile)
	}
	path, err := trace.Find(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		r.problem("The run's folder has no trace: %s. The numbers are those of %s.", lost, ReportFile)
		return
	}
	var ends trace.Ends
	if err == nil {
		ends, err = trace.LookAt(path)
	}
	switch {
	case err != nil:
		unreadable(err)
		return
	case ends.Cut:
		r.problem("%s ends in the middle of a line, as it does when a run is killed or a copy breaks off: requests at "+
			"its end are missing in it.", filepath.Base(path))
	}
	for _, id := range ends.IDs {
		if !strings.HasPrefix(id, r.Report.Setup.Load.Run+"-") {
			r.problem("%s is of another run: it has request %q, and the report is of run %s; %s. The numbers are "+
				"those of %s.", filepath.Base(path), id, r.Report.Setup.Load.Run, lost, ReportFile)
			return
		}
	}
	if !lacks {
		return
	}
	spec := analysis.Spec{Plan: r.Report.Setup.Load}
	for _, p := range r.Report.Phases {
		spec.Phases = append(spec.Phases, analysis.PhaseSpec{Name: p.Name})
	}
	made, err := analysis.Analyze(trace.FileSource(path), spec)
	if err != nil {
		unreadable(err)
		return
	}
	r.Report.Timeline, r.Report.Curves = made.Timeline, made.Curves
	for i := range r.Report.Phases {
		r.Report.Phases[i].Observation.Closeup = made.Observations[i].Closeup
	}
}

// readManifests reads the YAML files that the report lists. Only what is in the run's folder is: a report may
// come from anywhere.
func (r *Run) readManifests() {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		r.problem("The run's folder can't be opened for its manifests: %v.", err)
		return
	}
	defer func() { _ = root.Close() }()
	var missing []string
	total := 0
	for _, f := range r.Report.Files {
		if filepath.Ext(f.Path) != ".yaml" {
			continue
		}
		if total > maxManifests {
			r.problem("The manifests are larger than %d MB together: the others are not shown.", maxManifests>>20)
			break
		}
		text, err := readWithin(root, f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, f.Path)
		case err != nil:
			r.problem("The manifest %s can't be read and is not shown: %v.", f.Path, err)
		default:
			r.manifests = append(r.manifests, Manifest{Path: f.Path, Text: text})
			total += len(text)
		}
	}
	if len(missing) > 0 {
		r.problem("The run's folder lacks %s that the report lists, which can't be shown: %s.",
			format.Plural(len(missing), "manifest", "manifests"), strings.Join(missing, ", "))
	}
}

func readWithin(root *os.Root, path string) (string, error) {
	f, err := root.Open(filepath.FromSlash(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", errors.New("it is no file")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxManifest {
		return "", fmt.Errorf("it is longer than %d MB", maxManifest>>20)
	}
	return string(b), nil
}
