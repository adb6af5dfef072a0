// Package footprint takes a picture of all that a cluster could leave changed on its host, for tests that hold that
// nothing is left: on this machine, and in a virtual one.
package footprint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Picture has, by what it is, a line for each thing that was there.
type Picture map[string][]string

// Of says whose traces are looked for.
type Of struct {
	// Home is the folder of the lab's caches and state. Processes are those whose program is in its cache.
	Home string
	// Clusters is a part of the names of the clusters in question: others may come and go meanwhile. Empty is all.
	Clusters string
}

const (
	// Modules are the kernel's modules. They stay once they are loaded, and are told rather than held.
	Modules = "module"
	// Settings are those of the kernel, as sysctl prints them. A module brings its own.
	Settings = "setting"
)

// ends are kinds of which things may vanish while a cluster is there, as other programs end.
var ends = map[string]bool{"process": true, "listening port": true, Modules: true}

// Take takes the picture.
func Take(ctx context.Context, of Of) (Picture, error) {
	p := Picture{}
	var errs []error
	for what, look := range map[string]func() ([]string, error){
		"process":           func() ([]string, error) { return processes(of) },
		"mount":             mounts,
		"interface":         func() ([]string, error) { return names("/sys/class/net") },
		"route":             func() ([]string, error) { return lines("/proc/net/route", "/proc/net/ipv6_route") },
		"network namespace": func() ([]string, error) { return names("/run/netns") },
		"cgroup":            func() ([]string, error) { return cgroups(of) },
		"listening port":    listening,
		"rule":              func() ([]string, error) { return rules(ctx) },
		Settings:            settings,
		Modules:             modules,
	} {
		found, err := look()
		if err != nil {
			errs = append(errs, fmt.Errorf("look for each %s: %w", what, err))
		}
		slices.Sort(found)
		p[what] = found
	}
	return p, errors.Join(errs...)
}

// Changed returns what after has and p has not, and the other way round, with the modules that were loaded since apart.
func (p Picture) Changed(after Picture) (changed, loaded []string) {
	for what, now := range after {
		for _, x := range now {
			name, _, _ := strings.Cut(x, " = ")
			sets := func(y string) bool { return strings.HasPrefix(y, name+" = ") }
			switch {
			case slices.Contains(p[what], x), what == Settings && !slices.ContainsFunc(p[what], sets):
			case what == Modules:
				loaded = append(loaded, x)
			default:
				changed = append(changed, fmt.Sprintf("%s, new: %s", what, x))
			}
		}
		for _, x := range p[what] {
			if !ends[what] && !slices.Contains(now, x) {
				changed = append(changed, fmt.Sprintf("%s, gone: %s", what, x))
			}
		}
	}
	slices.Sort(changed)
	slices.Sort(loaded)
	return changed, loaded
}

func processes(of Of) ([]string, error) {
	exes, err := filepath.Glob("/proc/[0-9]*/exe")
	var all []string
	for _, exe := range exes {
		program, err := os.Readlink(exe)
		if err != nil || !strings.HasPrefix(program, filepath.Join(of.Home, "cache")) {
			continue
		}
		cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(exe), "cmdline"))
		if of.Clusters == "" || strings.Contains(string(cmdline), "/"+of.Clusters+"/") {
			all = append(all, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return all, err
}

// mounts are those of this process, without what is not there when nobody looks.
func mounts() ([]string, error) {
	all, err := lines("/proc/thread-self/mounts")
	return slices.DeleteFunc(all, func(m string) bool { return strings.Contains(m, " /proc/sys/fs/binfmt_misc ") }), err
}

// cgroups are the folders at the root of each hierarchy, those of the clusters below them, and what the root of cgroup
// v2 hands down and is.
func cgroups(of Of) ([]string, error) {
	const root = "/sys/fs/cgroup"
	var all []string
	own := regexp.MustCompile(`/canarylab-[0-9a-f]+-.*` + regexp.QuoteMeta(of.Clusters))
	for _, pattern := range []string{"*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			info, err := os.Lstat(path)
			if err != nil || !info.IsDir() {
				continue
			}
			// Docker's is there from the daemon's first container on.
			strange := !strings.Contains(path, "/canarylab") && info.Name() != "docker"
			if own.MatchString(path) || strange && atRoot(path) {
				all = append(all, path)
			}
		}
	}
	for _, file := range []string{"cgroup.subtree_control", "cgroup.type"} {
		raw, err := os.ReadFile(filepath.Join(root, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for word := range strings.FieldsSeq(string(raw)) {
			all = append(all, file+" "+word)
		}
	}
	return all, nil
}

// atRoot tells whether a folder is one of a hierarchy's root: of v1 that is below the hierarchy's own folder.
func atRoot(path string) bool {
	parent := filepath.Dir(path)
	_, v2 := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	if v2 == nil {
		return parent == "/sys/fs/cgroup"
	}
	return filepath.Dir(parent) == "/sys/fs/cgroup"
}

// listening are the TCP ports on 127.0.0.1 that somebody listens on.
func listening() ([]string, error) {
	all, err := lines("/proc/net/tcp")
	var ports []string
	for _, line := range all {
		fields := strings.Fields(line)
		// The state 0A is LISTEN; the address is little-endian hex.
		if len(fields) > 3 && fields[3] == "0A" && strings.HasPrefix(fields[1], "0100007F:") {
			ports = append(ports, fields[1])
		}
	}
	return ports, err
}

// counted is what a rule has counted, which is no part of it.
var counted = regexp.MustCompile(`counter packets \d+ bytes \d+|\[\d+:\d+\]`)

// rules are those of nftables and, where the kernel has them, of iptables.
func rules(ctx context.Context) ([]string, error) {
	programs := [][]string{{"nft", "list", "ruleset"}}
	if raw, err := os.ReadFile("/proc/net/ip_tables_names"); err == nil && len(raw) > 0 {
		programs = append(programs, []string{"iptables-legacy-save"})
	}
	var all []string
	for _, p := range programs {
		if _, err := exec.LookPath(p[0]); err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, p[0], p[1:]...).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(p, " "), err)
		}
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(counted.ReplaceAllString(line, "")); line != "" && line[0] != '#' {
				all = append(all, line)
			}
		}
	}
	return all, nil
}

// moves are settings that nobody sets: counters, states, limits that the kernel makes up as it goes, and what belongs
// to an interface or a neighbour.
var moves = regexp.MustCompile(`^(kernel/random/|kernel/ns_last_pid|kernel/pty/nr|kernel/sched_domain|` +
	`kernel/usermodehelper/|fs/(dentry-state|file-nr|inode-nr|inode-state|quota/|aio-nr|epoll/)|` +
	`net/netfilter/nf_conntrack_count|net/ipv[46]/neigh/|net/.*/flush|kernel/hotplug|dev/cdrom/|` +
	`kernel/core_modes|kernel/seccomp/actions_avail|kernel/keys/.*key_users)`)

// ofInterface matches the settings of an interface, of which all and default are none.
var ofInterface = regexp.MustCompile(`^net/ipv[46]/conf/`)

func settings() ([]string, error) {
	const root = "/proc/sys"
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what vanishes meanwhile is no setting
		}
		name := strings.TrimPrefix(path, root+"/")
		if d.IsDir() {
			one := ofInterface.MatchString(name) && d.Name() != "all" && d.Name() != "default"
			if one || name == "fs/binfmt_misc" { // a look at which mounts it
				return fs.SkipDir
			}
			return nil
		}
		if moves.MatchString(name) {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Mode()&0o400 == 0 {
			return nil //nolint:nilerr // as above
		}
		if raw, err := os.ReadFile(path); err == nil {
			all = append(all, name+" = "+strings.Join(strings.Fields(string(raw)), " "))
		}
		return nil
	})
	return all, err
}

func modules() ([]string, error) {
	loaded, err := lines("/proc/modules")
	for i, m := range loaded {
		loaded[i], _, _ = strings.Cut(m, " ")
	}
	return loaded, err
}

// lines are those of files, as far as there are such files.
func lines(files ...string) ([]string, error) {
	var all []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for line := range strings.Lines(string(raw)) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all, nil
}

func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all, nil
}

// Settled takes pictures until one is as before was, within so long, and returns how the last one differs: the kernel
// takes a moment to tear namespaces down.
func Settled(ctx context.Context, before Picture, of Of, within time.Duration) (changed, loaded []string, err error) {
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		after, err := Take(ctx, of)
		if err != nil {
			return nil, nil, err
		}
		changed, loaded = before.Changed(after)
		if len(changed) == 0 || time.Now().After(deadline) {
			return changed, loaded, nil
		}
	}
}
