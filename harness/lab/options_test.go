package lab_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/lab"
)

// clearEnv makes a test independent of how it is run: CI sets CLUSTER.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name == "CLUSTER" || strings.HasPrefix(name, "CANARYLAB_") {
			t.Setenv(name, "")
		}
	}
}

func TestOptionsFromTheEnvironment(t *testing.T) {
	clearEnv(t)
	if got, want := lab.FromEnv(), (lab.Options{Cluster: "auto", Name: "lab"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v of an empty environment, want %+v", got, want)
	}
	for name, value := range map[string]string{
		"CLUSTER": "existing", "CANARYLAB_NAME": "other", "CANARYLAB_NODE_IMAGE": "example.com/node:1",
		"CANARYLAB_KUBECONFIG": "/a/config", "CANARYLAB_CONTEXT": "prod", "CANARYLAB_YES": "1",
		"CANARYLAB_ALLOW_EXEC_PLUGINS": "1",
		"CANARYLAB_IMAGE_REPOSITORY":   "r.example.com/team", "CANARYLAB_IMAGE_TAG": "1a2b",
		"CANARYLAB_ISTIO_HUB": "docker.io/istio", "CANARYLAB_ISTIO_TAG": "1.31.0", "CANARYLAB_ISTIO_REVISION": "1-31",
		"CANARYLAB_RETAIN": "1", "CANARYLAB_INSTALL_ISTIO": "1",
	} {
		t.Setenv(name, value)
	}
	want := lab.Options{
		Cluster: "existing", Name: "other", NodeImage: "example.com/node:1", Retain: true,
		Existing: existing.Access{
			Kubeconfig: "/a/config", Context: "prod", Confirmed: true, ExecPlugins: true,
			Repository: "r.example.com/team", Tag: "1a2b",
		},
		Istio: lab.Istio{Hub: "docker.io/istio", Tag: "1.31.0", Revision: "1-31", Install: true},
	}
	if got := lab.FromEnv(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// Only 1 means yes: "0", "no" and "false" must not.
	for _, no := range []string{"0", "no", "false", "true"} {
		for _, name := range []string{
			"CANARYLAB_YES", "CANARYLAB_ALLOW_EXEC_PLUGINS", "CANARYLAB_RETAIN", "CANARYLAB_INSTALL_ISTIO",
		} {
			t.Setenv(name, no)
		}
		if got := lab.FromEnv(); got.Existing.Confirmed || got.Existing.ExecPlugins || got.Retain || got.Istio.Install {
			t.Errorf("%s: got %+v, want nothing confirmed, allowed, kept or installed", no, got)
		}
	}
}

// Wishes that can't be met together are found before anything is looked at. List is the command that does least.
func TestOptionsThatExcludeEachOther(t *testing.T) {
	clearEnv(t)
	for _, tc := range []struct {
		name string
		o    lab.Options
		want []string // nil for no error
	}{
		{"none", lab.Options{}, nil},
		{"released images", lab.Options{Istio: lab.Istio{Hub: "docker.io/istio", Tag: "1.31.0"}}, nil},
		{
			"released images on kind",
			lab.Options{Cluster: "kind", Istio: lab.Istio{Hub: "docker.io/istio", Tag: "1.31.0"}}, nil,
		},
		{
			"an image tag without a repository", lab.Options{Cluster: "existing", Existing: existing.Access{Tag: "1"}},
			[]string{"--image-repository"},
		},
		{"a hub alone", lab.Options{Istio: lab.Istio{Hub: "docker.io/istio"}}, []string{"--istio-hub and --istio-tag"}},
		{
			"a tag alone", lab.Options{Cluster: "kind", Istio: lab.Istio{Tag: "1.31.0"}},
			[]string{"--istio-hub and --istio-tag"},
		},
		{"released images of an Istio that is there", lab.Options{
			Cluster: "existing", Istio: lab.Istio{Hub: "h", Tag: "1"},
		},
			[]string{"--install-istio"}},
		{
			"released images to install",
			lab.Options{Cluster: "existing", Istio: lab.Istio{Hub: "h", Tag: "1", Install: true}}, nil,
		},
		{"a revision", lab.Options{Cluster: "existing", Istio: lab.Istio{Revision: "1-31"}}, nil},
		{
			"a context", lab.Options{Cluster: "existing", Existing: existing.Access{Context: "prod", Repository: "r"}},
			nil,
		},
		{"install", lab.Options{Cluster: "kind", Istio: lab.Istio{Install: true}}, []string{
			"--install-istio (or CANARYLAB_INSTALL_ISTIO) is for CLUSTER=existing",
		}},
		{"revision", lab.Options{Istio: lab.Istio{Revision: "1-31"}}, []string{
			"--istio-revision (or CANARYLAB_ISTIO_REVISION) is for CLUSTER=existing",
		}},
		{"context", lab.Options{Cluster: "embedded", Existing: existing.Access{Context: "prod"}},
			[]string{"--context (or CANARYLAB_CONTEXT) is for CLUSTER=existing"}},
		{"repository", lab.Options{Cluster: "auto", Existing: existing.Access{Repository: "r"}},
			[]string{"--image-repository (or CANARYLAB_IMAGE_REPOSITORY) is for CLUSTER=existing"}},
		{
			"all at once", lab.Options{Cluster: "kind", Existing: existing.Access{Context: "prod", Repository: "r"},
				Istio: lab.Istio{Hub: "h", Install: true, Revision: "x"}},
			[]string{
				"--istio-hub and", "--install-istio (or CANARYLAB_INSTALL_ISTIO) is",
				"--istio-revision (or CANARYLAB_ISTIO_REVISION) is", "--context (or CANARYLAB_CONTEXT) is",
				"--image-repository (or CANARYLAB_IMAGE_REPOSITORY) is",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Home = t.TempDir()
			_, err := lab.List(t.Context(), tc.o)
			if tc.want == nil {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			if !errors.Is(err, cluster.ErrUsage) {
				t.Fatalf("got %v, want it to wrap ErrUsage", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
		})
	}
}
