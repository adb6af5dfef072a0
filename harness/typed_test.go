package harness

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/sampleapp"
)

func TestTyped(t *testing.T) {
	s := story()
	faults := sampleapp.Faults{ErrorRate: 0.3, ErrorCode: 500}
	for _, test := range []struct {
		step  Step
		want  []string
		files []string
	}{
		{nil, nil, nil},
		{Apply("2-half.yaml"), []string{"kubectl apply -f 2-half.yaml"}, []string{"2-half.yaml"}},
		{Delete("2-half.yaml"), []string{"kubectl delete -f 2-half.yaml"}, []string{"2-half.yaml"}},
		{
			Revert("1-baseline.yaml"), []string{"kubectl apply -f 1-baseline.route.yaml"},
			[]string{"1-baseline.route.yaml"},
		},
		{ScaleTo{"my-service-v2", 0}, []string{"kubectl scale deployment my-service-v2 --replicas=0"}, nil},
		{Restart{"my-service-v2"}, []string{"kubectl rollout restart deployment my-service-v2"}, nil},
		{Undo{"my-service-v2"}, []string{"kubectl rollout undo deployment my-service-v2"}, nil},
		{
			Inject{Version: "v2", Faults: faults},
			[]string{"for pod in $(kubectl get pods -l app=my-service,version=v2 -o name); do echo " +
				`'{"errorRate":0.3,"errorCode":500,"latency":"0s","jitter":"0s"}'` +
				" | kubectl replace --raw /api/v1/namespaces/story/pods/${pod#pod/}:8081/proxy/faults -f -; done"}, nil,
		},
		{
			Inject{Version: "v2", Pods: 1, Faults: faults},
			[]string{"for pod in $(kubectl get pods -l app=my-service,version=v2 -o name | head -n 1); do echo " +
				`'{"errorRate":0.3,"errorCode":500,"latency":"0s","jitter":"0s"}'` +
				" | kubectl replace --raw /api/v1/namespaces/story/pods/${pod#pod/}:8081/proxy/faults -f -; done"}, nil,
		},
		{StopIstiod{}, []string{"kubectl -n istio-system scale deployment istiod --replicas=0"}, nil},
		{
			StartIstiod{}, []string{
				"kubectl -n istio-system scale deployment istiod --replicas=1",
				"kubectl -n istio-system rollout status deployment istiod",
			}, nil,
		},
	} {
		got, err := s.Typed(test.step)
		if err != nil || !slices.Equal(got.Lines, test.want) {
			t.Errorf("%v: got %q, %v, want %q", test.step, got.Lines, err, test.want)
		}
		if files := slices.Sorted(maps.Keys(got.Files)); !slices.Equal(files, test.files) {
			t.Errorf("%v: got files %q, want %q", test.step, files, test.files)
		}
	}
	// The file of a revert has the route alone.
	got, err := s.Typed(Revert("1-baseline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := kube.Objects(got.Files["1-baseline.route.yaml"])
	if err != nil || len(objects) != 1 || objects[0].GetKind() != routeKind {
		t.Errorf("got %v, %v, want the VirtualService alone", objects, err)
	}
}

func TestTypedBack(t *testing.T) {
	s := story()
	errors := Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1}}
	s.Phases = append(s.Phases, Phase{Name: "gone", Do: Delete("2-half.yaml")},
		Phase{Name: "none of v2", Do: ScaleTo{"my-service-v2", 0}},
		Phase{Name: "v2 anew", Do: Restart{"my-service-v2"}}, Phase{Name: "no istiod", Do: StopIstiod{}})
	heal := "for pod in $(kubectl get pods"
	for _, test := range []struct {
		name string
		from int
		try  []Phase
		to   int
		want []string
	}{
		{"a route", 1, nil, 0, []string{"kubectl apply -f after-baseline.yaml"}},
		{"what was tried", 1, []Phase{{Do: errors}, {Do: errors}}, 1, []string{
			"kubectl apply -f after-half.yaml", heal,
		}},
		{"an object less", 2, nil, 3, []string{
			"kubectl apply -f after-gone.yaml", "kubectl delete virtualservice my-service",
		}},
		{"pods", 4, nil, 0, []string{
			"kubectl apply -f after-baseline.yaml", "kubectl scale deployment my-service-v2 --replicas=1",
		}},
		{"new pods and no istiod", 6, nil, 3, []string{
			"kubectl -n istio-system scale deployment istiod --replicas=1",
			"kubectl -n istio-system rollout status deployment istiod",
			"kubectl apply -f before-my-service-v2-was-restarted.yaml",
			"kubectl rollout restart deployment my-service-v2", "kubectl rollout status deployment my-service-v2",
			"kubectl apply -f after-gone.yaml", "kubectl scale deployment my-service-v2 --replicas=1",
		}},
	} {
		played := append(slices.Clone(s.Phases[:test.from+1]), test.try...)
		got, err := s.TypedBack(played, test.to)
		if err != nil || len(got.Lines) != len(test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.name, got.Lines, err, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.HasPrefix(got.Lines[i], want) {
				t.Errorf("%s: got %q, want %q", test.name, got.Lines[i], want)
			}
		}
		for _, line := range got.Lines {
			if _, file, names := strings.Cut(line, "apply -f "); names && got.Files[file] == nil {
				t.Errorf("%s: there is no file %s", test.name, file)
			}
		}
	}
}
