package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
	"github.com/canarylab/canarylab/harness/cluster/nodeconf"
	"github.com/canarylab/canarylab/harness/disk"
	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/progress"
)

// keptStores is how many prepared image stores stay: the newest, and one to go back to.
const keptStores = 2

// preparing is how the folder begins in which a store is made.
const preparing = ".preparing-"

func (p *Provider) stores() string { return filepath.Join(p.Home, "imagestores") }

// seed gives a new cluster a containerd store that has the images already. It is prepared once per set of images, by a
// containerd in namespaces of its own, and then handed to each cluster as hard links: unpacking takes seconds, links
// take milliseconds. Sharing is safe, because containerd never writes to a stored blob or a committed snapshot.
func (b *bringUp) seed(ctx context.Context) error {
	digest, err := images.Digest(b.images)
	if err != nil {
		return err
	}
	stores := b.provider.stores()
	store := filepath.Join(stores, digest+"-"+filepath.Base(b.node))
	if _, err := os.Stat(store); errors.Is(err, os.ErrNotExist) {
		if err := b.prepareStore(ctx, stores, store); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := linkTree(filepath.Join(store, "containerd"), b.layout.path("containerd")); err != nil {
		return fmt.Errorf("hand the prepared images to the cluster: %w", err)
	}
	b.meta.Images, err = images.Configs(b.images)
	return err
}

// prepareStore unpacks the images once.
func (b *bringUp) prepareStore(ctx context.Context, stores, store string) (err error) {
	done := progress.Begin(b.steps, "unpack images, once")
	defer func() { done(err) }()
	if err := os.MkdirAll(stores, 0o700); err != nil {
		return err
	}
	unlock, err := filelock.Lock(ctx, filepath.Join(stores, ".lock"), "it is unpacking images", b.steps)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(store); err == nil {
		return nil // another canarylab prepared it
	}
	// No cluster will be made from older ones again, and those that were keep their links. This adds one.
	if err := disk.KeepNewest(stores, keptStores-1); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(stores, preparing)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	l := layout(tmp)
	if err := l.writeContainerdConfig(b.node); err != nil {
		return err
	}
	listener, err := listen(0) // noded wants one; nothing listens behind it
	if err != nil {
		return err
	}
	defer listener.Close()
	cgroup := b.provider.cgroup(filepath.Base(tmp))
	plan := nodePlan{l, "images", b.node}
	spec := plan.spec("images", []string{b.node, b.programs})
	spec.Processes = []nodespec.Process{plan.containerd()}
	defer func() { err = errors.Join(err, reapCgroups(cgroup)) }()
	node, err := startNode(spec, cgroup, filepath.Join(b.programs, "noded"), listener)
	if err != nil {
		return err
	}
	defer node.kill()
	if err := node.await(ctx, "containerd", nil); err != nil {
		return err
	}
	if err := importImages(ctx, filepath.Join(b.node, "ctr"), node.process.Pid, b.images); err != nil {
		return err
	}
	node.kill()
	ready := l.path("ready")
	if err := os.Mkdir(ready, 0o700); err != nil {
		return err
	}
	if err := os.Rename(l.path("containerd"), filepath.Join(ready, "containerd")); err != nil {
		return err
	}
	return os.Rename(ready, store)
}

// LoadImages implements cluster.Cluster. Images that the node has already are not loaded again.
func (c *Cluster) LoadImages(ctx context.Context, set map[string]v1.Image) error {
	m, err := c.layout.readMeta()
	if err != nil {
		return err
	}
	loaded, err := images.Load(set, &m.Images, func(missing map[string]v1.Image) error {
		node, err := c.provider.Binaries.Node(ctx)
		if err != nil {
			return err
		}
		return importImages(ctx, filepath.Join(node, "ctr"), m.PID, missing)
	})
	if err != nil || !loaded {
		return err
	}
	return c.layout.writeMeta(m)
}

// importImages streams the images into the containerd of the node whose PID 1 is given. Its socket is in the node's own
// /run, which the host reaches through /proc.
func importImages(ctx context.Context, ctr string, pid int, set map[string]v1.Image) error {
	archive, err := images.Archive(ctx, set)
	if err != nil {
		return err
	}
	defer archive.Close()
	socket := fmt.Sprintf("/proc/%d/root%s", pid, nodeconf.Socket)
	cmd := exec.CommandContext(ctx, ctr, "--address", socket, "--namespace", "k8s.io", "images", "import", "-")
	cmd.Stdin = archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("import images into the node: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// linkTree makes a copy of a prepared containerd root. Blobs and snapshots become hard links, databases are copied, for
// containerd does write to those.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			if err := os.MkdirAll(target, 0o700); err != nil {
				return err
			}
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				if err := os.Chown(target, int(st.Uid), int(st.Gid)); err != nil {
					return err
				}
			}
			return os.Chmod(target, info.Mode())
		case info.Mode()&os.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !info.Mode().IsRegular():
			return nil // a socket or device is of the containerd that ran
		case strings.HasSuffix(path, ".db"):
			return copyFile(path, target, info)
		}
		if err := os.Link(path, target); err == nil || !errors.Is(err, unix.EXDEV) {
			return err
		}
		return copyFile(path, target, info)
	})
}

func copyFile(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // a blob may have hundreds of megabytes
	return errors.Join(err, out.Close())
}
