package embedded

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestGroupsOf(t *testing.T) {
	pod := &corev1.Pod{}
	pod.UID = "2d48-a"
	pod.Status.QOSClass = corev1.PodQOSBurstable
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "istio-proxy", ContainerID: "containerd://11"}, {Name: "loadgen", ContainerID: "containerd://22"},
		{Name: "waits"},
	}
	got, err := groupsOf(pod, "loadgen")
	if want := []string{"kubepods", "burstable", "pod2d48-a", "22"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	pod.Status.QOSClass = corev1.PodQOSGuaranteed
	got, err = groupsOf(pod, "istio-proxy")
	if want := []string{"kubepods", "pod2d48-a", "11"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := groupsOf(pod, "waits"); err == nil {
		t.Error("a container that has not begun has a group")
	}
}

// Each group has what those in it have together, and the pod's is taken back.
func TestAllowRealTime(t *testing.T) {
	top, groups := t.TempDir(), []string{"kubepods", "burstable", "pod1", "22"}
	if err := os.MkdirAll(filepath.Join(append([]string{top}, groups...)...), 0o755); err != nil {
		t.Fatal(err)
	}
	has := func() (all []string) {
		dir := top
		for i := range len(groups) + 1 {
			if i > 0 {
				dir = filepath.Join(dir, groups[i-1])
			}
			raw, err := os.ReadFile(filepath.Join(dir, realTimeFile))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(raw))
		}
		return all
	}
	takeBack, err := allowRealTime(top, groups, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := has(), strings.Fields("900000 900000 900000 300000 300000"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	takeBack()
	if got, want := has(), strings.Fields("900000 900000 900000 0 0"); !reflect.DeepEqual(got, want) {
		t.Errorf("taken back: got %q, want %q", got, want)
	}
	// Another pod has most of it.
	other := []string{"kubepods", "burstable", "pod2", "33"}
	if err := os.MkdirAll(filepath.Join(append([]string{top}, other...)...), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := allowRealTime(top, other, 480*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, err := allowRealTime(top, groups, 480*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got, want := has(), strings.Fields("900000 900000 900000 420000 420000"); !reflect.DeepEqual(got, want) {
		t.Errorf("beside another: got %q, want %q", got, want)
	}
	third := []string{"kubepods", "burstable", "pod3", "44"}
	if err := os.MkdirAll(filepath.Join(append([]string{top}, third...)...), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := allowRealTime(top, third, 480*time.Millisecond); err == nil {
		t.Error("what others have was given once more")
	}
	if _, err := allowRealTime(top, []string{"kubepods", "gone"}, time.Second); err == nil {
		t.Error("a pod that is gone was given real time")
	}
}
