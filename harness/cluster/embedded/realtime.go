package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// realTime is how much of each processor's second all pods together may run in the real-time class. The kernel keeps 50
// ms for others (sched_rt_runtime_us), and other groups may want some.
const realTime = 900 * time.Millisecond

// AllowRealTime lets programs of a pod's container have the real-time class for so much of each processor's second. A
// kernel that divides real time among groups (CONFIG_RT_GROUP_SCHED; those of most distributions do not) gives a new
// group none, and fails where its neighbours have the rest. On any other kernel nothing has to be done. takeBack is
// called when the programs have ended.
func (c *Cluster) AllowRealTime(pod *corev1.Pod, container string, share time.Duration) (takeBack func(), err error) {
	top := filepath.Join(cgroupRoot, "cpu", c.provider.cgroup(c.Name()))
	if _, err := os.Stat(filepath.Join(top, realTimeFile)); errors.Is(err, os.ErrNotExist) {
		return func() {}, nil
	}
	groups, err := groupsOf(pod, container)
	if err != nil {
		return nil, err
	}
	return allowRealTime(top, groups, min(share, realTime))
}

// groupsOf are the groups in which kubelet has a pod's container, each in the one before, below the cluster's own
// (k8s.io/kubernetes/pkg/kubelet/cm).
func groupsOf(pod *corev1.Pod, container string) ([]string, error) {
	groups := []string{"kubepods"}
	if class := pod.Status.QOSClass; class != corev1.PodQOSGuaranteed {
		groups = append(groups, strings.ToLower(string(class)))
	}
	for _, s := range pod.Status.ContainerStatuses {
		if _, id, ok := strings.Cut(s.ContainerID, "://"); ok && s.Name == container {
			return append(groups, "pod"+string(pod.UID), id), nil
		}
	}
	return nil, fmt.Errorf("pod %s/%s has no running container %s", pod.Namespace, pod.Name, container)
}

const realTimeFile = "cpu.rt_runtime_us"

// allowRealTime gives the last two groups, which are a pod's and its container's, a share, and those above what all may
// have.
func allowRealTime(top string, groups []string, share time.Duration) (takeBack func(), err error) {
	give := func(dir string, d time.Duration) error {
		text := strconv.FormatInt(d.Microseconds(), 10)
		if err := os.WriteFile(filepath.Join(dir, realTimeFile), []byte(text), 0o644); err != nil {
			return fmt.Errorf("allow real-time programs: %w", err)
		}
		return nil
	}
	dirs := []string{top}
	for _, g := range groups {
		dirs = append(dirs, filepath.Join(dirs[len(dirs)-1], g))
	}
	pods := len(dirs) - 2
	for i, dir := range dirs {
		most := realTime
		if i >= pods {
			most = share
		}
		if err := give(dir, most); err != nil {
			return nil, err
		}
	}
	return func() {
		for i := len(dirs) - 1; i >= pods; i-- {
			_ = give(dirs[i], 0) // the pod may be gone, and its share with it
		}
	}, nil
}
