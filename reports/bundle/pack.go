package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/canarylab/canarylab/internal/atomicfile"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/trace"
)

// ErrExists is wrapped by the error about a file that is there already.
var ErrExists = errors.New("is there already")

// A Packed is a bundle that was written.
type Packed struct {
	File string
	// Bytes is its size.
	Bytes int64
	// Members are what is in it, in order.
	Members []Member
	// LeftOut are files of the run's folder that are not in it, as canarylab did not write them; Missing are
	// those that the report lists and that are not there.
	LeftOut []string
	Missing []string
	// Named says, a sentence each, what in it may be of no concern to strangers.
	Named []string
}

// A Member is a file in a bundle.
type Member struct {
	Name  string
	Bytes int64
}

// Options are for Pack.
type Options struct {
	// File is where the bundle goes. Empty is a file named after the run's folder, in the current one.
	File string
	// Force overwrites a file that is there already.
	Force bool
}

// Pack packs the run in dir. A reader sees no bundle or the whole one, never a part: it is written beside its
// place and renamed. Links are followed within the run's folder only.
func Pack(ctx context.Context, dir string, o Options) (p *Packed, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	p = &Packed{File: cmp.Or(o.File, filepath.Base(abs)+Ext)}
	defer func() {
		if err != nil {
			p, err = nil, fmt.Errorf("pack %s: %w", dir, err)
		}
	}()
	place := atomicfile.WriteNew
	if o.Force {
		place = atomicfile.WriteFile
	}
	err = place(p.File, 0o644, func(w io.Writer) error {
		out := &counter{to: w}
		if err := p.pack(ctx, out, abs); err != nil {
			return err
		}
		p.Bytes = out.n
		return errors.Join(withinRatio(p.total(), p.Bytes), withinGrowth(abs, p.Bytes))
	})
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s %w: --force overwrites it, and --to FILE writes another one", p.File, ErrExists)
	}
	return p, err
}

// pack writes the bundle of the run in dir, which is an absolute path.
func (p *Packed) pack(ctx context.Context, w io.Writer, dir string) error {
	run, err := reports.OpenRun(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return p.write(ctx, w, root, filepath.Base(dir), run)
}

// A counter counts what is written.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

// total is the size of all members.
func (p *Packed) total() (n int64) {
	for _, m := range p.Members {
		n += m.Bytes
	}
	return n
}

func withinRatio(files, packed int64) error {
	if files > freeBytes && files > maxRatio*packed {
		return fmt.Errorf("its files are %d times as large as the bundle (%d at most): no run is like that",
			files/max(packed, 1), maxRatio)
	}
	return nil
}

// withinGrowth bounds what the lines of a trace come to, as trace does for its file: a file that repeats itself is
// smaller once more in a bundle.
func withinGrowth(dir string, packed int64) error {
	path, err := trace.Find(dir)
	if err != nil {
		return nil // whoever wants to read it says so
	}
	return trace.CheckGrowth(path, packed)
}

// write writes the archive.
func (p *Packed) write(ctx context.Context, w io.Writer, root *os.Root, folder string, run *reports.Run) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	report := run.Report
	names, err := members(run.Dir, report)
	if err != nil {
		return err
	}
	if len(names) > MaxFiles {
		return fmt.Errorf("the report lists %d files, more than %d", len(names), MaxFiles)
	}
	packed := map[string]bool{}
	for _, name := range names {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("the report lists %s, which is not in the run's folder", name)
		}
		err := p.add(ctx, t, root, folder, name, report.Started)
		if errors.Is(err, fs.ErrNotExist) {
			if err = p.draw(t, run, folder, name); errors.Is(err, fs.ErrNotExist) {
				p.Missing = append(p.Missing, name)
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		packed[name] = true
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !packed[name] {
			p.LeftOut = append(p.LeftOut, name)
		}
		return err
	})
	p.named(report)
	return errors.Join(err, t.Close(), z.Close())
}

// add puts a file into the archive.
func (p *Packed) add(ctx context.Context, t *tar.Writer, root *os.Root, folder, name string, at time.Time) error {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		if info, statErr := root.Lstat(filepath.FromSlash(name)); statErr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return errors.New("it is a link that leads out of the run's folder or to nothing: put the file in its " +
				"place")
		}
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	if p.total()+info.Size() > MaxBytes {
		return fmt.Errorf("the run's files are larger than %s together", Size(MaxBytes))
	}
	if err := t.WriteHeader(header(folder, name, info.Size(), at)); err != nil {
		return err
	}
	n, err := io.Copy(t, &reader{ctx, io.LimitReader(f, info.Size())})
	if err == nil && n < info.Size() {
		err = errors.New("it became shorter while it was packed: pack it again")
	}
	// What became longer meanwhile is packed as it was.
	p.Members = append(p.Members, Member{name, n})
	return err
}

// draw puts a rendering into the archive that the run's folder lacks, as that of an older run does. The error
// is fs.ErrNotExist where it is none.
func (p *Packed) draw(t *tar.Writer, run *reports.Run, folder, name string) error {
	for _, f := range render.Formats() {
		if f.File != name {
			continue
		}
		var b bytes.Buffer
		if err := f.Write(&b, run); err != nil {
			return err
		}
		if err := t.WriteHeader(header(folder, name, int64(b.Len()), run.Report.Started)); err != nil {
			return err
		}
		p.Members = append(p.Members, Member{name, int64(b.Len())})
		_, err := b.WriteTo(t)
		return err
	}
	return fs.ErrNotExist
}

// header is a member's. Times and owners are those of nobody's machine. A time in whole seconds needs no
// extended header.
func header(folder, name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{
		Typeflag: tar.TypeReg, Name: folder + "/" + name, Size: size, Mode: 0o644,
		ModTime: at.UTC().Truncate(time.Second), Format: tar.FormatPAX,
	}
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// homes are paths of somebody's own files.
var homes = regexp.MustCompile(`(?:/home|/root|/Users)/[^\s"'\\,;:)]+`)

// named says what strangers may learn from the bundle.
func (p *Packed) named(report *reports.Report) {
	s := report.Setup
	what := "the machine (kernel, processors, memory)"
	if s.Cluster != "" {
		what += fmt.Sprintf(", the cluster by its name %q", s.Cluster)
	}
	p.Named = append(p.Named, fmt.Sprintf("It names %s, the versions on it, its pods and nodes with their addresses "+
		"inside the cluster, and the headers that were sent, but for secrets.", what))
	if s.Provider == "existing" {
		p.Named = append(p.Named,
			"The cluster is somebody's own: its API server's address and its image registry are in it too.")
	}
	p.Named = append(p.Named,
		"There is no kubeconfig and no credential in it, unless a manifest or a header of the scenario has one.")
	if b, err := json.Marshal(report); err == nil {
		found := homes.FindAllString(string(b), -1)
		slices.Sort(found)
		for _, path := range slices.Compact(found) {
			p.Named = append(p.Named, fmt.Sprintf("The report speaks of %s.", path))
		}
	}
}
