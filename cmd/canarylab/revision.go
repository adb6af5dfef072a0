package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/harness/standin"
)

// errRevision is wrapped by errors about what --from names.
var errRevision = errors.New("neither a path nor a revision of git")

// loadBefore reads what there is before a change: the manifests at some paths, or those that args had in a revision of
// git. except are files that are left out of folders.
func loadBefore(ctx context.Context, from, args, except []string) (*standin.Set, error) {
	if len(from) != 1 || from[0] == "-" {
		return standin.Load(ctx, from, os.Stdin, except...)
	}
	if _, err := os.Stat(from[0]); err == nil || strings.HasPrefix(from[0], ".") || filepath.IsAbs(from[0]) {
		return standin.Load(ctx, from, nil, except...)
	}
	dir, err := os.MkdirTemp("", "canarylab-from-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var paths []string
	for _, arg := range args {
		if arg == "-" {
			return nil, fmt.Errorf("%w: %s can't be looked up for stdin: name the files of before by a path",
				errRevision, from[0])
		}
		path, err := checkout(ctx, from[0], arg, dir)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	var left []string
	for _, path := range except {
		if there, err := within(ctx, path); err == nil {
			left = append(left, filepath.Join(dir, there))
		}
	}
	set, err := standin.Load(ctx, paths, nil, left...)
	short := func(text string) string { return strings.ReplaceAll(text, dir+"/", from[0]+":") }
	if err != nil {
		if errors.Is(err, standin.ErrInput) {
			return nil, fmt.Errorf("%w%s", standin.ErrInput, strings.TrimPrefix(short(err.Error()),
				standin.ErrInput.Error()))
		}
		return nil, errors.New(short(err.Error()))
	}
	for i := range set.Objects {
		set.Objects[i].Source.File = short(set.Objects[i].Source.File)
	}
	for i := range set.Notes {
		set.Notes[i].Source.File = short(set.Notes[i].Source.File)
	}
	return set, nil
}

// within is a path's place in its git repository.
func within(ctx context.Context, path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir, base := filepath.Dir(abs), filepath.Base(abs)
	if info, err := os.Stat(abs); err == nil && info.IsDir() {
		dir, base = abs, "."
	}
	prefix, err := git(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil {
		return "", err
	}
	return filepath.Join(prefix, base), nil
}

// checkout unpacks a revision of the repository that a path is in into a folder, if that is not done yet, and returns
// where the path is there. All of it is unpacked: a kustomization may name what is anywhere.
func checkout(ctx context.Context, revision, path, dir string) (string, error) {
	there, err := within(ctx, path)
	if err != nil {
		return "", fmt.Errorf("%w: there is no file or folder %s, and %s is in no git repository: %w", errRevision,
			revision, path, err)
	}
	at := filepath.Dir(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		at = path
	}
	commit, err := git(ctx, at, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("%w: there is no file or folder %s, and git knows no such revision: name another one",
			errRevision, revision)
	}
	if empty, err := os.ReadDir(dir); err != nil || len(empty) == 0 {
		if err := unpack(ctx, at, commit, dir); err != nil {
			return "", fmt.Errorf("read revision %s: %w", revision, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, there)); err != nil {
		return "", fmt.Errorf("%w: %s has no %s: name the files of before by a path", errRevision, revision, there)
	}
	return filepath.Join(dir, there), nil
}

// unpack writes the files of a commit. Links are left out: they may lead anywhere.
func unpack(ctx context.Context, at, commit, dir string) error {
	top, err := git(ctx, at, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "git", "-C", top, "archive", "--format=tar", commit)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start git: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for r := tar.NewReader(out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && h.Typeflag == tar.TypeDir {
			err = root.MkdirAll(strings.TrimSuffix(h.Name, "/"), 0o755)
		} else if err == nil && h.Typeflag == tar.TypeReg {
			err = write(root, h.Name, r)
		}
		if err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return err
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("git archive: %w", err)
	}
	return nil
}

func write(root *os.Root, name string, from io.Reader) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, from); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// git runs a command of git in a folder, and returns what it prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
