package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	kindcluster "sigs.k8s.io/kind/pkg/cluster"

	kindexec "sigs.k8s.io/kind/pkg/exec"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/progress"
)

// Up implements cluster.Provider.
func (p *Provider) Up(ctx context.Context, name string, o cluster.Options) (_ cluster.Cluster, err error) {
	if err := cluster.CheckName(name); err != nil {
		return nil, err
	}
	e, err := p.engine(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := p.folders().Lock(ctx, name, o.Progress)
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch c, err := p.find(ctx, name); {
	case err == nil:
		return c, nil
	case !errors.Is(err, cluster.ErrNotFound):
		return nil, err
	}
	// What has that name is dead or half made, maybe by another engine.
	old, err := p.readMeta(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if old.Engine == "" {
		old.Engine = e
	}
	if err := p.remove(ctx, old, name); err != nil {
		return nil, err
	}
	image, err := p.nodeImage(ctx, e, o.Progress)
	if err != nil {
		return nil, err
	}
	// That may have taken minutes. From here on, what is found under this name was made here.
	if container, err := p.container(ctx, e, name); err != nil || container != "" {
		return nil, errors.Join(err, p.foreign(container, name))
	}
	m := meta{Schema: schema, Engine: e, NodeImage: image.ref, Own: image.own, Why: image.why}
	if err := p.writeMeta(name, m); err != nil {
		return nil, err
	}
	defer func() {
		if err == nil || p.Retain && ctx.Err() == nil {
			return
		}
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, p.remove(undo, m, name))
	}()
	if err := p.create(ctx, e, name, image, o.Progress); err != nil {
		if p.Retain && ctx.Err() == nil {
			err = fmt.Errorf("%w\nthe node was kept: canarylab logs shows what it logged, "+
				"canarylab down --name %s removes it", err, name)
		}
		return nil, err
	}
	if m.Container, err = p.container(ctx, e, name); err != nil {
		return nil, err
	}
	if err := p.writeMeta(name, m); err != nil {
		return nil, err
	}
	return p.open(name, m, false)
}

// create has kind make the cluster. It ends with ctx, and then leaves nothing.
func (p *Provider) create(ctx context.Context, e engine, name string, image nodeImage, steps progress.Progress) error {
	v1, err := e.cgroupV1(ctx)
	if err != nil {
		return err
	}
	// This keeps others from removing the network before the node is in it.
	release, err := p.useNetwork(ctx)
	if err != nil {
		return err
	}
	defer release()
	log := &logger{steps: steps}
	k := e.provider(log)
	made := make(chan error, 1)
	go func() {
		made <- k.Create(prefix+name,
			kindcluster.CreateWithV1Alpha4Config(config(image, v1)),
			kindcluster.CreateWithNodeImage(image.ref),
			kindcluster.CreateWithKubeconfigPath(filepath.Join(p.dir(name), kubeconfigFile)),
			kindcluster.CreateWithRetain(true), // whether it stays is decided above
		)
	}()
	select {
	case err = <-made:
	case <-ctx.Done():
		// kind can't be told to stop. Without its node it ends by itself.
		for again := true; again; {
			_ = k.Delete(prefix+name, filepath.Join(p.dir(name), kubeconfigFile))
			select {
			case <-made:
				again = false
			case <-time.After(deleteAgain):
			}
		}
		err = ctx.Err()
	}
	log.end(err)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("kind: %w%s", err, output(err))
	}
	return err
}

// outputLines of a command that failed go into the error about it.
const outputLines = 12

// output is what the command printed that kind's error is about.
func output(err error) string {
	run := kindexec.RunErrorForError(err)
	if run == nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(run.Output)), "\n")
	text := strings.Join(lines[max(0, len(lines)-outputLines):], "\n")
	if text == "" {
		return ""
	}
	return "; it ended with:\n" + text
}

// config is the cluster's. What differs from kind's defaults is what makes it the same cluster as the embedded one.
func config(image nodeImage, cgroupV1 bool) *v1alpha4.Cluster {
	kubelet := []string{
		"kind: KubeletConfiguration",
		"kubeAPIQPS: 200", "kubeAPIBurst: 400", "eventRecordQPS: 0", "serializeImagePulls: false", "syncFrequency: 2s",
		"containerLogMaxSize: 1Gi", "containerLogMaxFiles: 2", // rotation would cut a log that is being followed
	}
	if cgroupV1 {
		kubelet = append(kubelet, "failCgroupV1: false")
	}
	if image.own {
		// It has no systemd. Its init writes the file with the name server that pods get.
		kubelet = append(kubelet, "cgroupDriver: cgroupfs", "resolvConf: /kind/resolv.conf")
	}
	c := &v1alpha4.Cluster{
		Nodes: []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole, Image: image.ref}},
		Networking: v1alpha4.Networking{
			APIServerAddress: "127.0.0.1",
			KubeProxyMode:    v1alpha4.NFTablesProxyMode,
			// Our own node brings its network along; kind's image needs kind's.
			DisableDefaultCNI: image.own,
		},
		KubeadmConfigPatches: []string{
			strings.Join(kubelet, "\n"),
			// The default of a second is for thousands of Services.
			"kind: KubeProxyConfiguration\nnftables:\n  minSyncPeriod: 20ms",
		},
	}
	v1alpha4.SetDefaultsCluster(c)
	if image.own {
		c.KubeadmConfigPatches = append(c.KubeadmConfigPatches,
			"kind: InitConfiguration\npatches:\n  directory: "+images.NodePatches)
	}
	return c
}
