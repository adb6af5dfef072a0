package render

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/canarylab/canarylab/reports"
)

// folder is a copy of a run's folder in reports/testdata.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "testdata", "runs", name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAll writes every format of every run in testdata: also of those that older versions wrote, that broke,
// and that hold hostile texts.
func TestAll(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "testdata", "runs", "*"))
	if err != nil || len(names) < 5 {
		t.Fatalf("got folders %q, %v, want those of runs", names, err)
	}
	for _, name := range names {
		dir := folder(t, filepath.Base(name))
		for range 2 { // the second time it replaces files
			run, files, err := All(dir)
			if err != nil || run == nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := 0
			for _, f := range Formats() {
				if f.File == "" {
					continue
				}
				want++
				path := filepath.Join(dir, f.File)
				info, err := os.Stat(path)
				if err != nil || info.Size() == 0 || info.Mode() != 0o644 || !slices.Contains(files, path) {
					t.Errorf("%s: %s: got %v, %v, want a file that all can read, named in %q", name, f.Name, info, err,
						files)
				}
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != want+1 {
				t.Errorf("%s: got %d files, %v, want %d and the report", name, len(entries), err, want)
			}
		}
	}
}

func TestOneThatFailsIsNamed(t *testing.T) {
	dir := folder(t, "label-mismatch")
	run, err := reports.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	good := func(w io.Writer, _ *reports.Run) error { _, err := io.WriteString(w, "x"); return err }
	broken := errors.New("broken")
	files, err := write(run, []Format{
		{"first", "first.txt", "", good},
		{"bad", "bad.txt", "", func(w io.Writer, _ *reports.Run) error { return errors.Join(good(w, nil), broken) }},
		{"worse", "worse.txt", "", func(io.Writer, *reports.Run) error { panic("worst") }},
		{"last", "last.txt", "", good},
	})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "as bad (") || !strings.Contains(
		err.Error(), "as worse (",
	) || !strings.Contains(err.Error(), "worst") {
		t.Errorf("got error %v, want one that names both", err)
	}
	if want := []string{filepath.Join(dir, "first.txt"), filepath.Join(dir, "last.txt")}; !slices.Equal(files, want) {
		t.Errorf("got files %q, want %q", files, want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("got %d files, %v, want no rest of a format that failed", len(entries), err)
	}
}

func TestToFile(t *testing.T) {
	hello := func(w io.Writer) error { _, err := io.WriteString(w, "hello"); return err }
	dir := t.TempDir()
	if err := ToFile(dir, hello); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("got %v, want an error for a folder", err)
	}
	// A pipe, as /dev/stdout is one, must not become a file.
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte)
	go func() {
		b, _ := os.ReadFile(pipe)
		got <- b
	}()
	if err := ToFile(pipe, hello); err != nil {
		t.Fatal(err)
	}
	if b := <-got; string(b) != "hello" {
		t.Errorf("got %q in the pipe, want what was written", b)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().IsRegular() {
		t.Errorf("got %v, %v, want the pipe to stay one", info, err)
	}
	// A file that can't be written anew stays as it was.
	file := filepath.Join(dir, "file")
	if err := ToFile(file, hello); err != nil {
		t.Fatal(err)
	}
	if err := ToFile(file, func(io.Writer) error { return io.ErrShortWrite }); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want %v", err, io.ErrShortWrite)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v, want the old file", b, err)
	}
}

func TestAllNeedsAReport(t *testing.T) {
	if _, _, err := All(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

func TestFind(t *testing.T) {
	for _, f := range Formats() {
		if got, err := Find(f.Name); err != nil || got.Name != f.Name {
			t.Errorf("%s: got %q, %v", f.Name, got.Name, err)
		}
		if f.What == "" || f.Name != strings.ToLower(f.Name) {
			t.Errorf("%s: got %q, want a word on what it is for", f.Name, f.What)
		}
	}
	_, err := Find("xml")
	if !errors.Is(err, ErrUnknown) {
		t.Fatalf("got %v, want %v", err, ErrUnknown)
	}
	for _, f := range Formats() {
		if !strings.Contains(err.Error(), f.Name) {
			t.Errorf("got %v, want %s in its list", err, f.Name)
		}
	}
}

// TestRenderingChangesNothing: what is written is a function of the run, and the run is the same after it.
func TestRenderingChangesNothing(t *testing.T) {
	run, err := reports.OpenRun(folder(t, "label-mismatch"))
	if err != nil {
		t.Fatal(err)
	}
	var before, first, after bytes.Buffer
	if err := run.Report.WriteJSON(&before); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		var b bytes.Buffer
		for _, f := range Formats() {
			if err := f.render(&b, run); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			first = b
		} else if !bytes.Equal(first.Bytes(), b.Bytes()) {
			t.Error("the same run is not shown the same way twice")
		}
	}
	if err := run.Report.WriteJSON(&after); err != nil || !bytes.Equal(before.Bytes(), after.Bytes()) {
		t.Errorf("the report was changed by showing it (%v)", err)
	}
}

// The table of docs/reports.md has a row for each format.
func TestDocumentationListsEveryFormat(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reports.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Formats() {
		file := f.File
		if file == "" {
			file = reports.ReportFile
		}
		if row := "| `" + f.Name + "` | `" + file + "` |"; !strings.Contains(string(page), row) {
			t.Errorf("docs/reports.md has no row that begins with %s", row)
		}
	}
}
