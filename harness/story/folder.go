package story

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A folder is that of a story, as it was read: the Files of its scenario. To that it is called as the scenario is, and
// has nothing but manifests.
type folder struct {
	// dir is where it is, as it was called, name what the scenario is called.
	dir, name string
	files     map[string][]byte
	// reader knows where in the story.yaml things are.
	reader *reader
}

// readManifests reads the manifests in the folder.
func (f *folder) readManifests() error {
	found, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range found {
		if e.IsDir() || e.Name() == File || filepath.Ext(e.Name()) != ".yaml" {
			continue
		}
		if f.files[e.Name()], err = readFile(filepath.Join(f.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// names are those of the manifests, sorted.
func (f *folder) names() []string { return slices.Sorted(maps.Keys(f.files)) }

// Open implements fs.FS.
func (f *folder) Open(name string) (fs.File, error) {
	dir, file := path.Split(name)
	text, ok := f.files[file]
	if !ok || strings.TrimSuffix(dir, "/") != f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &opened{Reader: bytes.NewReader(text), entry: entry{file, int64(len(text))}}, nil
}

// ReadDir implements fs.ReadDirFS.
func (f *folder) ReadDir(name string) (all []fs.DirEntry, err error) {
	if name != f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	for _, file := range f.names() {
		all = append(all, fs.FileInfoToDirEntry(entry{file, int64(len(f.files[file]))}))
	}
	return all, nil
}

// An opened is a file that is being read.
type opened struct {
	*bytes.Reader
	entry entry
}

// Stat implements fs.File.
func (o *opened) Stat() (fs.FileInfo, error) { return o.entry, nil }

// Close implements fs.File.
func (*opened) Close() error { return nil }

// An entry is a file of a folder.
type entry struct {
	name string
	size int64
}

// Name and the others implement fs.FileInfo.
func (e entry) Name() string { return e.name }

// Size implements fs.FileInfo.
func (e entry) Size() int64 { return e.size }

// Mode implements fs.FileInfo.
func (entry) Mode() fs.FileMode { return 0o444 }

// ModTime implements fs.FileInfo.
func (entry) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (entry) IsDir() bool { return false }

// Sys implements fs.FileInfo.
func (entry) Sys() any { return nil }
