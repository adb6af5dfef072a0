package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// realTime is how much of each processor's second all pods together may run in the real-time class. The kernel keeps 50
// ms for others (sched_rt_runtime_us), and other groups may want some.
const realTime = 900 * time.Millisecond

// AllowRealTime lets programs of a pod's container have the real-time class for so much of each processor's second, or
// for what other pods leave. A kernel that divides real time among groups (CONFIG_RT_GROUP_SCHED; those of most
// distributions do not) gives a new group none. On any other kernel nothing has to be done. takeBack is called when the
// programs have ended.
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

// leastRealTime is the least that is given: a program that has used up its real time stands still for the rest of the
// second.
const leastRealTime = 50 * time.Millisecond

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
	for _, dir := range dirs[:pods] {
		if err := give(dir, realTime); err != nil {
			return nil, err
		}
	}
	left, err := leftOf(dirs[pods-1], dirs[pods])
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs[pods:] {
		if err := give(dir, min(share, left)); err != nil {
			return nil, err
		}
	}
	return func() {
		for i := len(dirs) - 1; i >= pods; i-- {
			_ = give(dirs[i], 0) // the pod may be gone, and its share with it
		}
	}, nil
}

// leftOf is how much of the real time of all pods is not another's than this one's.
func leftOf(all, own string) (time.Duration, error) {
	files, err := filepath.Glob(filepath.Join(all, "*", realTimeFile))
	if err != nil {
		return 0, err
	}
	left := realTime
	for _, file := range files {
		if filepath.Dir(file) == own {
			continue
		}
		raw, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			continue // that pod is gone by now
		}
		if err != nil {
			return 0, err
		}
		us, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", file, err)
		}
		left -= time.Duration(us) * time.Microsecond
	}
	if left < leastRealTime {
		return 0, fmt.Errorf("allow real-time programs: other pods leave %s of a processor's second, and less than %s "+
			"would stop them again and again", max(left, 0), leastRealTime)
	}
	return left, nil
}
