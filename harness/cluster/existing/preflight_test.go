package existing

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/images"
)

// node has images, each under the names that a runtime reports.
func node(name string, refs ...string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, ref := range refs {
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{"docker.io/x@sha256:1", ref}})
	}
	return n
}

var wanted = []string{images.SampleApp, images.LoadGen}

func TestImagesThatTheNodesHaveOrLack(t *testing.T) {
	full := node("full")
	for i := range 50 {
		full.Status.Images = append(full.Status.Images, corev1.ContainerImage{
			Names: []string{fmt.Sprint("example.com/other:", i)},
		})
	}
	closed := node("closed", "example.com/other:1")
	closed.Spec.Unschedulable = true
	for _, tc := range []struct {
		name  string
		nodes []corev1.Node
		want  string // "" for no error
	}{
		{"by their own names", []corev1.Node{node("a", images.SampleApp, images.LoadGen)}, ""},
		{
			"as containerd names them",
			[]corev1.Node{node("a", "docker.io/"+images.SampleApp, "docker.io/"+images.LoadGen)}, "",
		},
		{"one lacks one", []corev1.Node{node("a", images.SampleApp, images.LoadGen), node("b", images.SampleApp)},
			"images: canarylab/loadgen:dev (node b);"},
		{"none has any", []corev1.Node{node("a", "x:1"), node("b", "x:1")},
			"canarylab/loadgen:dev (node a), canarylab/loadgen:dev (node b), canarylab/sampleapp:dev (node a), " +
				"canarylab/sampleapp:dev (node b);"},
		{"another of a like name", []corev1.Node{node("a", "docker.io/notcanarylab/sampleapp:dev", images.SampleApp+"2",
			images.LoadGen)}, "canarylab/sampleapp:dev (node a)"},
		{
			"another tag", []corev1.Node{node("a", "canarylab/sampleapp:prod", images.LoadGen)},
			"canarylab/sampleapp:dev (node a)",
		},
		// Kubelet reports 50: the rest may be there.
		{"a node with many", []corev1.Node{full}, ""},
		{"a node that takes no pods", []corev1.Node{closed, node("a", images.SampleApp, images.LoadGen)}, ""},
		{"a node that tells none", []corev1.Node{node("a")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := opened(t, use(t, &api{nodes: tc.nodes}, Access{})).ImagesAt(t.Context(), wanted)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) ||
				!strings.Contains(err.Error(), "--image-repository")):
				t.Errorf("got %v, want %q and what to do", err, tc.want)
			}
		})
	}
}

func TestNodesThatMayNotBeLookedAt(t *testing.T) {
	a := &api{}
	c := opened(t, use(t, a, Access{}))
	a.broken = true
	if err := c.ImagesAt(t.Context(), wanted); err == nil ||
		!strings.Contains(err.Error(), "look for images on the nodes") {
		t.Errorf("got %v, want an error that says what was looked for", err)
	}
}

func TestImagesOfARepository(t *testing.T) {
	r, repository := newRegistry(t)
	push := &Cluster{provider: &Provider{Access: Access{Repository: repository}}}
	if err := push.LoadImages(t.Context(), someImages(t, images.SampleApp)); err != nil {
		t.Fatal(err)
	}
	a := &api{nodes: []corev1.Node{node("a", "x:1")}}
	c := opened(t, use(t, a, Access{Repository: repository, Tag: push.tag}))
	if err := c.ImagesAt(t.Context(), []string{images.SampleApp}); err != nil {
		t.Errorf("got %v, want none: it is there", err)
	}
	err := c.ImagesAt(t.Context(), wanted)
	if err == nil || !strings.Contains(err.Error(), "the image "+repository+"/loadgen:"+push.tag+" can't be had") ||
		!strings.Contains(err.Error(), "--image-tag") {
		t.Errorf("got %v, want which image, and what to leave out", err)
	}
	// Where they are pushed first, pushing finds out.
	asked := r.asked
	c = opened(t, use(t, a, Access{Repository: repository}))
	if err := c.ImagesAt(t.Context(), wanted); err != nil || r.asked > asked {
		t.Errorf("got %v and %d requests, want none", err, r.asked-asked)
	}
}

func TestNodesOfAnotherArchitecture(t *testing.T) {
	of := func(arch string) corev1.Node {
		n := node(arch, "x:1")
		n.Labels = map[string]string{"kubernetes.io/arch": arch}
		return n
	}
	closed := of("amd64")
	closed.Spec.Unschedulable = true
	silent := node("silent", "x:1")
	for _, tc := range []struct {
		name  string
		nodes []corev1.Node
		ok    bool
	}{
		{"the same", []corev1.Node{of("amd64")}, true}, {"one of two", []corev1.Node{of("arm64"), of("amd64")}, true},
		{"another", []corev1.Node{of("arm64")}, false}, {"closed", []corev1.Node{of("s390x"), closed}, false},
		{"one that says nothing", []corev1.Node{silent}, true}, {"none", nil, true},
	} {
		err := opened(t, use(t, &api{nodes: tc.nodes}, Access{})).RunsOn(t.Context(), "amd64")
		if (err == nil) != tc.ok || err != nil && !strings.Contains(err.Error(), "kubernetes.io/arch") {
			t.Errorf("%s: got %v, want it taken: %t", tc.name, err, tc.ok)
		}
	}
}
