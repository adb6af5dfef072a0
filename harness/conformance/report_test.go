package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// write keeps a report where the suite's module has that of a release.
func write(t *testing.T, dir, release, file, content string) {
	t.Helper()
	dir = filepath.Join(dir, "reports", release, "istio-istio")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// report has a test of MESH-HTTP that failed, and one that was skipped.
const report = `
gatewayAPIVersion: v1.6.0
implementation: {version: "1.31"}
profiles:
- name: MESH-HTTP
  core: {result: failure, statistics: {Failed: 1, Passed: 6, Skipped: 0}, failedTests: [MeshTrafficSplit]}
  extended:
    result: partial
    statistics: {Failed: 0, Passed: 7, Skipped: 1}
    skippedTests: [MeshHTTPRoute307Redirect]
- name: MESH-GRPC
  core: {result: success, statistics: {Failed: 0, Passed: 1, Skipped: 0}}
`

const older = `
gatewayAPIVersion: v1.10.0
implementation: {version: "1.30"}
profiles:
- name: MESH-HTTP
  core: {result: success, statistics: {Failed: 0, Passed: 7, Skipped: 0}}
`

// The report of the latest release is the one that the lab's is set beside: v1.10.0 is later than v1.9.0.
func TestTable(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "v1.9.0", "a.yaml", strings.Replace(older, "1.30", "1.29", 1))
	write(t, dir, "v1.10.0", "a.yaml", older)
	theirs, err := published(dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.yaml")
	if err := os.WriteFile(file, []byte(report), 0o644); err != nil {
		t.Fatal(err)
	}
	mine, err := ReadReport(file)
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(` +`).ReplaceAllString(mine.Table(theirs), " ")
	for _, want := range []string{
		"the lab: Istio 1.31, Gateway API v1.6.0 published: Istio 1.30, Gateway API v1.10.0",
		"MESH-HTTP core 6 of 7 7 of 7",
		"MESH-HTTP extended 7 of 7, 1 skipped none",
		"MESH-GRPC core 1 of 1 none",
		"failed: MESH-HTTP: MeshTrafficSplit",
		"skipped: MESH-HTTP: MeshHTTPRoute307Redirect (this release's test",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
	if failed := mine.Failed(); len(failed) != 1 {
		t.Errorf("failed: %q, want one", failed)
	}
}

func TestReportsThatAreNone(t *testing.T) {
	for name, content := range map[string]string{"not YAML": "{", "no profile": "gatewayAPIVersion: v1.6.0"} {
		file := filepath.Join(t.TempDir(), "report.yaml")
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadReport(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
	if _, err := published(t.TempDir()); err == nil {
		t.Error("a folder without reports has one")
	}
}

// The report is found in what the suite's pod prints, and a pod that was stopped before has none.
func TestReportInLog(t *testing.T) {
	log := "=== RUN TestConformance\n--- report\na: 1\nb: 2\n\n--- end of the report\nFAIL\n"
	got, err := reportIn(strings.NewReader(log))
	if err != nil || string(got) != "a: 1\nb: 2\n\n" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err = reportIn(strings.NewReader(log[:60]))
	if err == nil || !strings.Contains(err.Error(), "without a report") {
		t.Errorf("got %v, want that there is none", err)
	}
}
