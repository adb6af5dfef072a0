package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/render"
)

// folder makes a run's folder.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "20261125-060000-label-mismatch-abc123")
	if err := os.MkdirAll(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := &reports.Report{
		Scenario: "label-mismatch", Run: "abc123", Started: time.Date(2026, 11, 25, 6, 0, 0, 123456789, time.UTC),
		Setup: reports.Setup{
			Provider: "existing", Cluster: "jane@test", Why: "as asked for in /home/jane/.kube/config",
		},
		Files: []reports.File{
			{Path: "trace.jsonl"}, {Path: "manifests/1-baseline.yaml"}, {Path: "manifests/gone.yaml"},
		},
	}
	r.Setup.Load.Run = "abc123"
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "manifests/1-baseline.yaml", "kind: Namespace\n")
	write(t, dir, "trace.jsonl", strings.Repeat(`{"sample":{"id":"abc123-everyone-0","code":200}}`+"\n", 1000))
	write(t, dir, "report.html", "<html>\n")
	write(t, dir, "kubeconfig", "secret\n")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func pack(t *testing.T, dir string, o Options) *Packed {
	t.Helper()
	p, err := Pack(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsPackedIsOpened(t *testing.T) {
	dir := folder(t)
	file := filepath.Join(t.TempDir(), "run.tar.gz")
	p := pack(t, dir, Options{File: file})
	var names []string
	for _, m := range p.Members {
		names = append(names, m.Name)
	}
	want := []string{"report.json", "manifests/1-baseline.yaml"}
	for _, f := range render.Formats() {
		if f.File != "" {
			want = append(want, f.File)
		}
	}
	if want = append(want, "trace.jsonl"); !slices.Equal(names, want) {
		t.Errorf("got members %q, want %q", names, want)
	}
	if !slices.Equal(p.LeftOut, []string{"kubeconfig"}) || !slices.Equal(p.Missing, []string{"manifests/gone.yaml"}) {
		t.Errorf("got left out %q and missing %q", p.LeftOut, p.Missing)
	}
	said := strings.Join(p.Named, " ")
	for _, want := range []string{
		`"jane@test"`, "API server's address", "no kubeconfig", "The report speaks of /home/jane/.kube/config.",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
	opened, done, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(opened) != filepath.Base(dir) {
		t.Errorf("got a folder %s, want the run's name", opened)
	}
	for _, name := range names {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			// It was drawn for the bundle, and not into the run's folder.
			if info, err := os.Stat(filepath.Join(opened, name)); err != nil || info.Size() < 100 {
				t.Errorf("%s: got %v, %v, want it drawn", name, info, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(opened, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what was packed (%v)", name, err)
		}
	}
	if r, err := reports.OpenRun(opened); err != nil || r.Report.Run != "abc123" {
		t.Errorf("got %v (%v), want the run", r, err)
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(opened); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there (%v)", opened, err)
	}
}

func TestAFolderOpensAsItself(t *testing.T) {
	dir := t.TempDir()
	got, done, err := Open(dir)
	if err != nil || got != dir {
		t.Errorf("got %s (%v)", got, err)
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error("done removed a folder that is not its own")
	}
}

func TestBundlesAreTheSameToTheByte(t *testing.T) {
	dir := folder(t)
	a, b := filepath.Join(t.TempDir(), "a.tar.gz"), filepath.Join(t.TempDir(), "b.tar.gz")
	pack(t, dir, Options{File: a})
	// Neither times nor rights of the files are in it.
	later := time.Now().Add(time.Hour)
	for _, name := range []string{"report.json", "trace.jsonl"} {
		if err := errors.Join(os.Chtimes(filepath.Join(dir, name), later, later), os.Chmod(
			filepath.Join(dir, name), 0o600,
		)); err != nil {
			t.Fatal(err)
		}
	}
	pack(t, dir, Options{File: b})
	one, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(b); err != nil || !bytes.Equal(one, two) {
		t.Errorf("two bundles of one folder differ (%v)", err)
	}
	want := fmt.Sprintf("%x", sha256.Sum256(one))
	for _, name := range []string{a, dir} {
		if got, err := Digest(t.Context(), name); err != nil || got != want {
			t.Errorf("%s: got digest %s (%v), want the bundle's, %s", name, got, err, want)
		}
	}
	write(t, dir, "report.html", "<html>\n\n")
	if got, err := Digest(t.Context(), dir); err != nil || got == want {
		t.Errorf("another folder: got digest %s (%v), want another one", got, err)
	}
}

// TestPackKeepsWhatIsThere looks at the folder of the bundle after each way to go wrong: nothing half-written stays.
func TestPackKeepsWhatIsThere(t *testing.T) {
	out := t.TempDir()
	file := filepath.Join(out, "run.tar.gz")
	write(t, out, "run.tar.gz", "mine")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	linked := folder(t)
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, filepath.Dir(secret), "secret", "secret")
	if err := errors.Join(os.Remove(filepath.Join(linked, "report.html")), os.Symlink(
		secret, filepath.Join(linked, "report.html"),
	)); err != nil {
		t.Fatal(err)
	}
	outside := folder(t)
	r, err := reports.Load(outside)
	if err != nil {
		t.Fatal(err)
	}
	r.Files = []reports.File{{Path: "../../secret"}}
	if err := r.Save(outside); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	for _, test := range []struct {
		name, dir string
		ctx       context.Context
		o         Options
		want      string
	}{
		{
			"exists", folder(t), t.Context(), Options{File: file},
			"pack DIR: FILE is there already: --force overwrites it, and --to FILE writes another one",
		},
		{
			"link", linked, t.Context(), Options{File: file, Force: true},
			"pack DIR: report.html: it is a link that leads out of the run's folder or to nothing: put the file in " +
				"its place",
		},
		{
			"outside", outside, t.Context(), Options{File: file, Force: true},
			"pack DIR: the report lists ../../secret, which is not in the run's folder",
		},
		{
			"interrupted", folder(t), cancelled, Options{File: file, Force: true},
			"pack DIR: report.json: context canceled",
		},
		{
			"no report", empty, t.Context(), Options{File: file, Force: true},
			"pack DIR: open run: load report: open DIR/report.json: no such file or directory",
		},
	} {
		_, err := Pack(test.ctx, test.dir, test.o)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(strings.ReplaceAll(err.Error(), test.dir, "DIR"), "--to FILE", "--to OTHER")
			got = strings.ReplaceAll(strings.ReplaceAll(got, file, "FILE"), "--to OTHER", "--to FILE")
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
			t.Errorf("%s: the file that was there is now %q (%v)", test.name, text, err)
		}
		if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
			t.Errorf("%s: got %v (%v) beside the bundle", test.name, left, err)
		}
	}
	pack(t, folder(t), Options{File: file, Force: true})
	if info, err := os.Stat(file); err != nil || info.Size() < 100 || info.Mode().Perm() != 0o644 {
		t.Errorf("--force: got %v (%v)", info, err)
	}
}

func TestALinkWithinTheFolderIsFollowed(t *testing.T) {
	dir := folder(t)
	if err := errors.Join(
		os.Rename(filepath.Join(dir, "report.html"), filepath.Join(dir, "other")),
		os.Symlink("other", filepath.Join(dir, "report.html")),
	); err != nil {
		t.Fatal(err)
	}
	p := pack(t, dir, Options{File: filepath.Join(t.TempDir(), "x.tar.gz")})
	if !slices.Contains(p.Members, Member{"report.html", 7}) {
		t.Errorf("got %v, want the file that the link leads to", p.Members)
	}
}

// archive makes a .tar.gz of headers, each with its name as content where it has a size.
func archive(t *testing.T, headers ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func file(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}
}

// TestForeignBundles has the exact sentence for each file that is no bundle, and looks for what it left outside
// of its folder.
func TestForeignBundles(t *testing.T) {
	dir := folder(t)
	whole := filepath.Join(t.TempDir(), "whole.tar.gz")
	pack(t, dir, Options{File: whole})
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)-6] ^= 0xff
	many := []*tar.Header{}
	for i := range MaxFiles + 1 {
		many = append(many, file(fmt.Sprintf("run/%d", i), 0))
	}
	const no = "open bundle: FILE is no bundle that canarylab made: "
	for _, test := range []struct {
		name    string
		content []byte
		want    string
	}{
		{
			"text", []byte("hello"),
			"open bundle: FILE is neither a run's folder nor a bundle of one (a .tar.gz that canarylab bundle " +
				"made): unexpected EOF",
		},
		{
			"more text", []byte("hello, this is a longer text"),
			"open bundle: FILE is neither a run's folder nor a bundle of one (a .tar.gz that canarylab bundle " +
				"made): gzip: invalid header",
		},
		{
			"empty", nil,
			"open bundle: FILE is neither a run's folder nor a bundle of one (a .tar.gz that canarylab bundle " +
				"made): EOF",
		},
		{
			"no tar", zipped(t, []byte(strings.Repeat("hello ", 1000))),
			"open bundle: FILE is neither a run's folder nor a bundle of one (a .tar.gz that canarylab bundle " +
				"made): archive/tar: invalid tar header",
		},
		{
			"no report", archive(t, file("run/trace.jsonl", 3)),
			"open bundle: FILE is neither a run's folder nor a bundle of one: it has no report.json",
		},
		{
			"nothing", archive(t),
			"open bundle: FILE is neither a run's folder nor a bundle of one: it has no report.json",
		},
		{
			"cut off", good[:len(good)/2],
			"open bundle: FILE is cut off, as by a copy that broke: copy it again: unexpected EOF",
		},
		{
			"cut off at its end", good[:len(good)-4],
			"open bundle: FILE is cut off, as by a copy that broke: copy it again: unexpected EOF",
		},
		{"a bit is wrong", flipped, "open bundle: FILE is damaged: copy it again: gzip: invalid checksum"},
		{"path out", archive(t, file("../evil", 3)), no + `"../evil" leads out of its folder`},
		{"path out within", archive(t, file("run/../../evil", 3)), no + `"run/../../evil" leads out of its folder`},
		{"absolute", archive(t, file("/tmp/evil", 3)), no + `"/tmp/evil" leads out of its folder`},
		{"backslash", archive(t, file(`run/..\evil`, 3)), no + `"run/..\\evil" leads out of its folder`},
		{"no folder", archive(t, file("report.json", 3)), no + `"report.json" is in no folder`},
		{
			"two folders", archive(t, file("a/report.json", 3), file("b/report.json", 3)),
			no + `it has two folders, "a" and "b"`,
		},
		{"twice", archive(t, file("a/report.json", 3), file("a/report.json", 3)), no + `it has "a/report.json" twice`},
		{
			"link",
			archive(t, &tar.Header{Typeflag: tar.TypeSymlink, Name: "a/x", Linkname: "/etc"}, file("a/x/passwd", 3)),
			no + `"a/x" is no plain file`,
		},
		{
			"hard link", archive(t, &tar.Header{Typeflag: tar.TypeLink, Name: "a/x", Linkname: "/etc/passwd"}),
			no + `"a/x" is no plain file`,
		},
		{"device", archive(t, &tar.Header{Typeflag: tar.TypeChar, Name: "a/x"}), no + `"a/x" is no plain file`},
		{
			"bomb", archive(t, file("a/report.json", 70<<20)),
			no + "its files are 1027 times as large as the bundle (25 at most): no run is like that",
		},
		{"many", archive(t, many...), no + "it has more than 1000 files"},
	} {
		t.Run(test.name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			name := filepath.Join(t.TempDir(), "x.tar.gz")
			if err := os.WriteFile(name, test.content, 0o644); err != nil {
				t.Fatal(err)
			}
			_, done, err := Open(name)
			if err == nil {
				t.Fatal("got no error")
			}
			if got := strings.ReplaceAll(err.Error(), name, "FILE"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if err := done(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("got %v (%v) left behind", left, err)
			}
		})
	}
}

// TestTooLarge has a size in its header alone: it is refused before a byte is written.
func TestTooLarge(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := errors.Join(w.WriteHeader(file("a/report.json", MaxBytes+1)), z.Close()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "x.tar.gz")
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(name)
	if want := "its files are larger than 4.3 GB together"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func zipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
