package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/cluster"
)

// savedEvery is how often files are looked at. An editor writes a file in several steps, and git many files one
// after the other: a test is played once two looks see the same. Looking reaches folders that the kernel's notices
// do not, such as one that is shared with a container or another machine, and takes a millisecond for two thousand
// files.
const savedEvery = 400 * time.Millisecond

// testOnSave plays a test, and again whenever something of what it reads is saved. What is wrong with it is said, and
// the next save awaited: the error is that of the last time.
func (p player) testOnSave(cmd *cobra.Command, w tested) error {
	if slices.Contains(w.paths, "-") {
		return usage("--watch looks at files, and stdin is none: name the files that it is made of")
	}
	for {
		seen := w.look()
		last := p.test(cmd, w)
		if cmd.Context().Err() != nil {
			return last
		}
		var outcome outcomeError
		if last != nil && !errors.As(last, &outcome) {
			if !errors.Is(last, cluster.ErrUsage) {
				return last // the machine's, which a save does not mend
			}
			fmt.Fprintln(os.Stderr, "canarylab:", last)
		}
		fmt.Fprintln(os.Stderr, "\nWaiting for the next save (Ctrl-C ends).")
		if !w.awaitSave(cmd.Context(), seen) {
			return last
		}
	}
}

// A stamp is what tells that a file was saved.
type stamp struct {
	size int64
	at   time.Time
}

// look returns the stamps of all files that a test may read: those that are named, those in folders, and those beside
// the named ones, as a canary.yaml and the files that it names are.
func (w tested) look() map[string]stamp {
	seen := map[string]stamp{}
	add := func(path string, info fs.FileInfo) {
		ext := strings.ToLower(filepath.Ext(path))
		if slices.Contains([]string{".yaml", ".yml", ".json", ""}, ext) && info.Mode().IsRegular() {
			seen[path] = stamp{info.Size(), info.ModTime()}
		}
	}
	for _, path := range slices.Concat(w.paths, w.from, w.expected) {
		info, err := os.Stat(path)
		switch {
		case err != nil: // it is to come, or a revision
		case info.IsDir():
			_ = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return nil
				case d.IsDir() && len(d.Name()) > 1 && d.Name() != ".." && strings.HasPrefix(d.Name(), "."):
					return filepath.SkipDir
				}
				if info, err := d.Info(); err == nil {
					add(path, info)
				}
				return nil
			})
		default:
			found, _ := os.ReadDir(filepath.Dir(path))
			for _, d := range found {
				if info, err := d.Info(); err == nil {
					add(filepath.Join(filepath.Dir(path), d.Name()), info)
				}
			}
		}
	}
	return seen
}

// awaitSave waits until something is no longer as it was seen, and two looks then see the same. It is false where the
// context ended.
func (w tested) awaitSave(ctx context.Context, seen map[string]stamp) bool {
	tick := time.NewTicker(savedEvery)
	defer tick.Stop()
	last := seen
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		now := w.look()
		if !maps.Equal(now, seen) && maps.Equal(now, last) {
			return true
		}
		last = now
	}
}
