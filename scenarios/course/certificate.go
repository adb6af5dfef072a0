package course

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/format"
)

// CertificateSchema is the version of certificates. A change of their text raises it too: the text is held against the
// data.
const CertificateSchema = 1

// maxName bounds whose certificate it is, in characters.
const maxName = 100

// A Certificate says in which runs a path was done, with the digest of the bundle of each.
type Certificate struct {
	Schema int    `json:"schema"`
	Path   string `json:"path"`
	Title  string `json:"title"`
	// Name is whose it is, as they say; it may be empty.
	Name   string    `json:"name,omitempty"`
	Issued time.Time `json:"issued"`
	// Canarylab is the version that made it: another one may make another bundle of the same folder.
	Canarylab string `json:"canarylab"`
	// Stops counts those of the path.
	Stops int         `json:"stops"`
	Runs  []Certified `json:"runs"`
}

// A Certified run is one that a stop was done in, with what its report says.
type Certified struct {
	Kind    Kind            `json:"kind"`
	Story   string          `json:"story"`
	Verdict Verdict         `json:"verdict"`
	Started time.Time       `json:"started"`
	Run     string          `json:"run"`
	Folder  string          `json:"folder"`
	Title   string          `json:"title"`
	Outcome reports.Outcome `json:"outcome"`
	// SHA256 is the digest of the run's bundle, in hex.
	SHA256 string `json:"sha256"`
}

// stop is the certified one.
func (c Certified) stop() Stop { return Stop{Kind: c.Kind, Story: c.Story} }

// ErrNotDone is wrapped where a path is not done yet.
var ErrNotDone = errors.New("there is no certificate yet")

// ErrName is wrapped where a name can't be written.
var ErrName = errors.New("the name can't be written")

// Issue makes the certificate of a path that was done. canarylab is the version of this program.
func Issue(ctx context.Context, path Path, p Progress, name, canarylab string, at time.Time) (*Certificate, error) {
	if name != format.Printable(name) || strings.ContainsAny(name, "\n\t") || utf8.RuneCountInString(name) > maxName {
		return nil, fmt.Errorf("%w: it is one line of %d characters at most", ErrName, maxName)
	}
	if next, left := p.Next(path); left {
		return nil, fmt.Errorf("%w: %d of %d stops of path %s are done, and the next is: %s", ErrNotDone, p.Count(path),
			len(path.Stops), path.Name, next.Command())
	}
	c := &Certificate{
		Schema: CertificateSchema, Path: path.Name, Title: path.Title, Name: name,
		Issued: at.UTC().Truncate(time.Second), Canarylab: canarylab, Stops: len(path.Stops),
	}
	for _, s := range path.Stops {
		done, _ := p.Of(s)
		for _, run := range done.Runs {
			certified, err := certify(ctx, s, done.Verdict, run)
			if err != nil {
				return nil, fmt.Errorf("certify %s: %w", s, err)
			}
			c.Runs = append(c.Runs, *certified)
		}
	}
	return c, nil
}

// certify certifies a run that a stop was done in.
func certify(ctx context.Context, s Stop, v Verdict, run Run) (*Certified, error) {
	r, err := reports.Load(run.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("its run is not in %s any more: put the folder back, or play the stop again (%s): %w",
			run.Dir, s.Command(), err)
	}
	if err != nil {
		return nil, err
	}
	if r.Run != run.ID || !s.played(r) {
		return nil, fmt.Errorf("%s has run %s of %s, and not run %s of %s: play the stop again (%s)", run.Dir, r.Run,
			r.Scenario, run.ID, s.Story, s.Command())
	}
	digest, err := bundle.Digest(ctx, run.Dir)
	if err != nil {
		return nil, err
	}
	return &Certified{
		Kind: s.Kind, Story: s.Story, Verdict: v, Started: r.Started.UTC().Truncate(time.Second), Run: r.Run,
		Folder: filepath.Base(run.Dir), Title: r.Title, Outcome: r.Outcome, SHA256: digest,
	}, nil
}

// data is the line before the certificate's data, and end the line after it.
const data, end = "```json\n", "\n```\n"

// Markdown is the certificate for people, with its data at its end.
func (c *Certificate) Markdown() ([]byte, error) {
	var b bytes.Buffer
	line := func(text string, args ...any) { fmt.Fprintf(&b, text+"\n", args...) }
	line("# Certificate: %s\n", describe.Prose(c.Title))
	who := "Somebody"
	if c.Name != "" {
		who = "**" + describe.Prose(c.Name) + "**"
	}
	line("%s did all %d stops of the path `%s` of canarylab's course.", who, c.Stops, c.Path)
	line("Issued on %s by canarylab %s.\n", c.Issued.Format("2006-01-02 at 15:04:05 UTC"),
		describe.Prose(c.Canarylab))
	line("| stop | verdict | begun | run | SHA-256 of the run's bundle |\n|---|---|---|---|---|")
	for _, s := range c.Runs {
		line("| %s `%s` | %s | %s | `%s` | `%s` |", s.Kind, s.Story, s.Verdict,
			s.Started.Format("2006-01-02 15:04:05 UTC"), s.Folder, s.SHA256)
	}
	line("\n`canarylab course check FILE RUN...` holds the folders or bundles of the runs against this file, and\n" +
		"`canarylab verify RUN` makes the report of each again from all that was recorded. So the certificate\n" +
		"says that these runs exist and are as they were. It does not say who sat there.\n")
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	b.WriteString(data)
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("write the certificate: %w", err)
	}
	b.WriteString(strings.TrimPrefix(end, "\n"))
	return b.Bytes(), nil
}

// ErrNoCertificate is wrapped where a file is no certificate.
var ErrNoCertificate = errors.New("is no certificate that canarylab course certificate made")

// ErrText is wrapped where the text of a certificate is not what its data say.
var ErrText = errors.New("the text of the certificate is not what its data at the end say: it was edited")

// Read reads a certificate. The error wraps ErrText where its text is another than its data's; the data are returned
// then too. Line ends may be those of Windows.
func Read(file []byte) (*Certificate, error) {
	text := strings.ReplaceAll(string(file), "\r\n", "\n")
	_, rest, ok := strings.Cut(text, "\n"+data)
	raw, _, closed := strings.Cut(rest, end)
	if !ok || !closed || len(file) > maxFile {
		return nil, fmt.Errorf("it %w: it has no block of JSON at its end", ErrNoCertificate)
	}
	var c Certificate
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		return nil, fmt.Errorf("it %w: %w", ErrNoCertificate, err)
	}
	if c.Schema != CertificateSchema {
		return nil, fmt.Errorf("it has schema %d, and this canarylab reads certificates of schema %d: check it with "+
			"the canarylab that made it (%s)", c.Schema, CertificateSchema, format.Printable(c.Canarylab))
	}
	if len(c.Runs) == 0 {
		return nil, fmt.Errorf("it %w: it names no run", ErrNoCertificate)
	}
	if made, err := c.Markdown(); err != nil || string(made) != text {
		return &c, errors.Join(ErrText, err)
	}
	return &c, nil
}
