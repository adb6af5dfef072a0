package bundle

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/render"
)

// FuzzBundle takes anything for the archive in a bundle. It is compressed here: a checksum that is wrong would end
// nearly all of what a fuzzer finds.
func FuzzBundle(f *testing.F) {
	f.Add(plain(f, file("a/report.json", 3), file("a/trace.jsonl", 100)))
	f.Add(plain(f, &tar.Header{Typeflag: tar.TypeSymlink, Name: "a/x", Linkname: "/etc"}, file("a/report.json", 3)))
	f.Add(plain(f, file("../report.json", 3)))
	f.Add(plain(f, file("a/../../report.json", 3), file("a/report.json/x", 3)))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	text := []byte(`{"schema":2,"scenario":"a","phases":[{"name":"b"}],` +
		`"files":[{"path":"manifests/1.yaml"},{"path":"../x.yaml"}]}`)
	if err := w.WriteHeader(file("a/report.json", int64(len(text)))); err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		temp := t.TempDir()
		t.Setenv("TMPDIR", temp)
		outside := filepath.Join(t.TempDir(), "x.tar.gz")
		if err := os.WriteFile(outside, zipped(t, b), 0o600); err != nil {
			t.Fatal(err)
		}
		dir, done, err := Open(outside)
		if err == nil {
			if run, err := reports.OpenRun(dir); err == nil {
				for _, f := range render.Formats() {
					_ = f.Write(io.Discard, run)
				}
			}
		}
		if err := done(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("got %v, %v left behind", left, err)
		}
	})
}

// plain is an archive that is not compressed.
func plain(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
