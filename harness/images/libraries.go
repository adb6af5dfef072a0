package images

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// libraries returns the shared libraries that a program is linked to, and theirs, and its loader, as path in the image
// → path on the host.
func libraries(ctx context.Context, program string) (map[string]string, error) {
	known, err := loaderCache(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	var visit func(file string) error
	visit = func(file string) error {
		f, err := elf.Open(file)
		if err != nil {
			return fmt.Errorf("read %s as a program: %w", file, err)
		}
		defer f.Close()
		if loader := interpreter(f); loader != "" {
			found[loader] = loader
		}
		needed, err := f.ImportedLibraries()
		if err != nil {
			return fmt.Errorf("read what %s is linked to: %w", file, err)
		}
		for _, name := range needed {
			lib, ok := known[name+" "+f.Machine.String()]
			if !ok {
				return fmt.Errorf("%s is linked to %s, which this machine does not have", file, name)
			}
			if _, done := found[lib]; done {
				continue
			}
			found[lib] = lib
			if err := visit(lib); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visit(program); err != nil {
		return nil, err
	}
	return found, nil
}

// interpreter is the program's loader, such as /lib64/ld-linux-x86-64.so.2.
func interpreter(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return ""
		}
		return string(bytes.TrimRight(name, "\x00"))
	}
	return ""
}

// loaderCache is what the system's loader would find, keyed by library name and machine.
func loaderCache(ctx context.Context) (map[string]string, error) {
	ldconfig, err := lookProgram("ldconfig")
	if err != nil {
		return nil, fmt.Errorf("find the system's libraries: %w", err)
	}
	out, err := exec.CommandContext(ctx, ldconfig, "-p").Output()
	if err != nil {
		return nil, fmt.Errorf("list the system's libraries: %w", err)
	}
	libs := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		// A line reads: libc.so.6 (libc6,x86-64) => /lib/x86_64-linux-gnu/libc.so.6
		left, path, ok := strings.Cut(strings.TrimSpace(lines.Text()), " => ")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(left, " ")
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		key := name + " " + f.Machine.String()
		f.Close()
		if _, first := libs[key]; !first {
			libs[key] = path
		}
	}
	return libs, nil
}

// errNoProgram is returned for a program that is in none of the usual folders.
var errNoProgram = errors.New("no such program")

// lookProgram finds a system program also where the user's PATH lacks the sbin folders, as Debian's does.
func lookProgram(name string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"} {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, errNoProgram)
}
