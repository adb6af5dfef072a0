package images

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestReleasedImagesComeFromTheirHub(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // no login of this machine's
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	hub := strings.TrimPrefix(server.URL, "http://") + "/istio"
	want := map[string]string{}
	for _, program := range []string{"pilot", "proxyv2"} {
		image, err := random.Image(100, 1)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(hub + "/" + program + ":1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image); err != nil {
			t.Fatal(err)
		}
		digest, err := image.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		want[hub+"/"+program+":1.2.3"] = digest.String()
	}
	set, err := Released(t.Context(), hub, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Configs(set)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v (%v), want %v", got, err, want)
	}
	for ref, digest := range want {
		if got[ref] != digest {
			t.Errorf("%s: got %s, want %s", ref, got[ref], digest)
		}
	}
	if _, err := Released(t.Context(), hub, "9.9.9"); err == nil || !strings.Contains(err.Error(), hub+"/pilot:9.9.9") {
		t.Errorf("got %v, want an error that names the image", err)
	}
}
