package realmesh

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/conformance"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/mesh"
)

var (
	conform = flag.Bool("conformance", false, "TestConformance keeps the suite's report, whoever's turn it is")
)

// The Gateway API's conformance suite, which others wrote, judges the mesh. Whatever it fails is a failure.
func TestConformance(t *testing.T) {
	if !*conform {
		labtest.ByTurns(t, turnOfConformance)
	}
	ctx := t.Context()
	l := theLab.Open(ctx, t)
	release, err := l.Exclusive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	source, err := lab.Source()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if *conform {
		if dir, err = lab.Runs(); err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(dir, "conformance-"+time.Now().UTC().Format("20060102-150405"))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "suite.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	setup, err := l.Setup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	suite := conformance.Suite{
		Source: source, Kube: l.Kube(), ProvideEcho: l.ProvideEcho, ProvideProgram: l.ProvideProgram,
		RestartIstiod: func(ctx context.Context) error {
			if err := l.Kube().Restart(ctx, mesh.Namespace, "istiod"); err != nil {
				return err
			}
			return l.Kube().WaitWorkloads(ctx, mesh.Namespace)
		},
		Istio: setup.Istio, Report: filepath.Join(dir, "report.yaml"), Log: log,
	}
	began := time.Now()
	rep, err := suite.Run(ctx)
	if err != nil {
		t.Fatalf("%v; its log is %s", err, log.Name())
	}
	published, err := suite.Published(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("in %.0f s:\n%s", time.Since(began).Seconds(), rep.Table(published))
	if failed := rep.Failed(); len(failed) > 0 {
		text, _ := os.ReadFile(log.Name())
		t.Errorf("failed: %v; the suite's log ends with:\n%s", failed, tail(text))
	}
	for _, name := range conformance.Profiles {
		if core := rep.Of(name).Core.Statistics; core.Passed == 0 {
			t.Errorf("of profile %s no test was run", name)
		}
	}
}

// tail is the end of a long text.
func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }
