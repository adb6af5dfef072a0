package course

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/format"
)

// A State is what became of a certified run.
type State string

// The states.
const (
	// Holds: the run is there, has the digest, and its report says what the certificate says.
	Holds State = "holds"
	// Differs: the run is there, and is not what was certified.
	Differs State = "differs"
	// Missing: the run was not given.
	Missing State = "missing"
)

// A Finding is a run of a certificate, held against what there is of it.
type Finding struct {
	Certified
	State State `json:"state"`
	// File is the folder or bundle that was looked at, Why says what differs.
	File string `json:"file,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Check holds a certificate against runs, each a folder or a bundle. strangers are those that it does not name.
// canarylab is the version of this program.
func (c *Certificate) Check(ctx context.Context, runs []string, canarylab string) (
	findings []Finding, strangers []string, err error,
) {
	for _, s := range c.Runs {
		findings = append(findings, Finding{Certified: s, State: Missing})
	}
	for _, run := range runs {
		r, digest, err := look(ctx, run)
		if err != nil {
			return nil, nil, fmt.Errorf("check %s: %w", run, err)
		}
		named := false
		for i := range findings {
			f := &findings[i]
			if f.SHA256 != digest && f.Run != r.Run {
				continue
			}
			named = true
			if f.State != Holds {
				f.File, f.Why = run, c.differs(f.Certified, r, digest, canarylab)
				f.State = Holds
				if f.Why != "" {
					f.State = Differs
				}
			}
		}
		if !named {
			strangers = append(strangers, run)
		}
	}
	return findings, strangers, nil
}

// look reads the report and the digest of a run.
func look(ctx context.Context, run string) (r *reports.Report, digest string, err error) {
	dir, done, err := bundle.Open(run)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return nil, "", err
	}
	if r, err = reports.Load(dir); err != nil {
		return nil, "", err
	}
	if filepath.Base(run) == reports.ReportFile {
		run = dir
	}
	digest, err = bundle.Digest(ctx, run)
	return r, digest, err
}

// differs says in what a run is not the certified one, empty where it is.
func (c *Certificate) differs(s Certified, r *reports.Report, digest, canarylab string) string {
	var all []string
	if s.SHA256 != digest {
		text := "the digest of its bundle is " + digest
		if c.Canarylab != canarylab {
			text += fmt.Sprintf(" with this canarylab (%s): the one that made the certificate (%s) may make another "+
				"bundle of the same folder", canarylab, format.Printable(c.Canarylab))
		}
		all = append(all, text)
	}
	if !s.stop().played(r) {
		all = append(all, fmt.Sprintf("its report is not of %s", s.stop()))
	}
	started := r.Started.UTC().Truncate(time.Second)
	for _, f := range []struct{ name, certified, reported string }{
		{"run", s.Run, r.Run}, {"title", s.Title, r.Title}, {"outcome", string(s.Outcome), string(r.Outcome)},
		{"beginning", s.Started.Format(time.RFC3339), started.Format(time.RFC3339)},
	} {
		if f.certified != f.reported {
			all = append(all, fmt.Sprintf("the %s in its report is %q, and not %q", f.name, f.reported, f.certified))
		}
	}
	return format.Join("; ", all...)
}

// Worst is the worst of some findings: Differs before Missing before Holds.
func Worst(findings []Finding) State {
	for _, state := range []State{Differs, Missing} {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.State == state }) {
			return state
		}
	}
	return Holds
}
