package artifacts

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A goBuild is one call of go build.
type goBuild struct {
	module   string // folder below the source root; "" is the root
	dir      string // the module's folder, where it is another's and not in the source tree
	tags     string
	static   bool              // without cgo
	archives bool              // with cgo, and all of C linked in: the program runs on any system
	vars     map[string]string // string variables to set at link time, such as versions
	packages []string
	out      string
}

// errorLines of go build's output go into the error about it.
const errorLines = 30

// run builds b. It says which package is being compiled.
func (s *Store) run(ctx context.Context, b goBuild, say func(string)) error {
	ldflags := "-s -w"
	for _, name := range slices.Sorted(maps.Keys(b.vars)) {
		ldflags += " -X " + name + "=" + b.vars[name]
	}
	if b.archives {
		ldflags += " -extldflags=-static"
	}
	args := []string{"build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=" + ldflags, "-o", b.out}
	if b.tags != "" {
		args = append(args, "-tags", b.tags)
	}
	cmd := process(ctx, "go", append(args, b.packages...)...) // it starts compilers
	if cmd.Dir = b.dir; b.dir == "" {
		tree, err := s.tree(ctx)
		if err != nil {
			return err
		}
		cmd.Dir = filepath.Join(tree, b.module)
	}
	cgo := "CGO_ENABLED=1"
	if b.static {
		cgo = "CGO_ENABLED=0"
	}
	// Nothing of the user's Go settings may decide what is built.
	cmd.Env = append(os.Environ(), cgo, "GOWORK=off", "GOFLAGS=", "GOOS=linux")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go build: %w", err)
	}
	var last []string
	count := 0
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		line := lines.Text()
		last = append(last, line)
		if len(last) > errorLines {
			last = last[1:]
		}
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			say(strings.TrimPrefix(line, "go: "))
		case !strings.ContainsAny(line, " \t"):
			count++
			say(fmt.Sprintf("%d packages, now %s", count, line))
		}
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build %s (in %s): %w; it ended with:\n%s", strings.Join(b.packages, " "), cmd.Dir, err,
			strings.Join(last, "\n"))
	}
	return nil
}
