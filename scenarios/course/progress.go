package course

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/canarylab/canarylab/internal/atomicfile"
)

// progressSchema is the version of the files of a Progress.
const progressSchema = 1

// maxFile bounds what is read of a file, in bytes: none has a thousandth of it.
const maxFile = 1 << 20

// A Verdict is how a stop was done.
type Verdict string

// The verdicts.
const (
	// Passed is a story that was played, and all its claims held.
	Passed Verdict = "passed"
	// Presented is a story that somebody presented to its end.
	Presented Verdict = "presented"
	// Mended is a mission that was mended, by the judge.
	Mended Verdict = "mended"
)

// A Run is one that a stop was done in: its id, and its folder.
type Run struct {
	ID  string `json:"id"`
	Dir string `json:"dir"`
}

// A Done is a stop that was done: how, when, and in which runs. Those are two on game day, and one otherwise.
type Done struct {
	Schema  int       `json:"schema"`
	Kind    Kind      `json:"kind"`
	Story   string    `json:"story"`
	Verdict Verdict   `json:"verdict"`
	At      time.Time `json:"at"`
	Runs    []Run     `json:"runs"`
}

// Progress is what was done of the course on this machine: the last time of each stop.
type Progress struct{ done map[string]Done }

// file is where a stop that was done is kept: each has a file of its own, so that two that end at once, on two
// clusters, are both kept.
func file(dir string, s Stop) string { return filepath.Join(dir, s.id()+".json") }

// Keep keeps in dir that a stop was done. It replaces what there was of that stop.
func Keep(dir string, d Done) error {
	d.Schema = progressSchema
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for the progress of the course: %w", err)
	}
	err := atomicfile.WriteFile(file(dir, Stop{Kind: d.Kind, Story: d.Story}), 0o644, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(d)
	})
	if err != nil {
		err = fmt.Errorf("keep the progress of the course: %w", err)
	}
	return err
}

// Load reads what was done from dir, which need not be there.
func Load(dir string) (Progress, error) {
	p := Progress{map[string]Done{}}
	var errs []error
	for _, path := range All() {
		for _, s := range path.Stops {
			d, err := read(file(dir, s))
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				errs = append(errs, fmt.Errorf("read the progress of the course: %w: delete it, or have canarylab "+
					"course reset %s forget the path", err, path.Name))
			default:
				p.done[s.id()] = d
			}
		}
	}
	return p, errors.Join(errs...)
}

// read reads the file of a stop.
func read(path string) (d Done, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if d.Schema != progressSchema {
		return d, fmt.Errorf("%s has schema %d, and this canarylab reads %d", path, d.Schema, progressSchema)
	}
	if want := filepath.Base(path); want != filepath.Base(file("", Stop{Kind: d.Kind, Story: d.Story})) {
		return d, fmt.Errorf("%s is of another stop: %s %s", path, d.Kind, d.Story)
	}
	if len(d.Runs) == 0 {
		return d, fmt.Errorf("%s is damaged: it names no run", path)
	}
	return d, nil
}

// Reset forgets what was done of some paths. It looks at no file's content.
func Reset(dir string, paths ...Path) error {
	for _, p := range paths {
		for _, s := range p.Stops {
			if err := os.Remove(file(dir, s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("forget what was done of path %s: %w", p.Name, err)
			}
		}
	}
	return nil
}

// Of is how a stop was done, false where it was not.
func (p Progress) Of(s Stop) (Done, bool) {
	d, ok := p.done[s.id()]
	return d, ok
}

// Count counts the stops of a path that were done.
func (p Progress) Count(path Path) (n int) {
	for _, s := range path.Stops {
		if _, ok := p.Of(s); ok {
			n++
		}
	}
	return n
}

// Next is the first stop of some paths that was not done, false where all were.
func (p Progress) Next(paths ...Path) (Stop, bool) {
	for _, path := range paths {
		for _, s := range path.Stops {
			if _, ok := p.Of(s); !ok {
				return s, true
			}
		}
	}
	return Stop{}, false
}
