package images

import (
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// OfProgram returns an image that has nothing but a program, which must be linked statically, and a folder /tmp: by
// each of the references. The file is read when the image is loaded.
func OfProgram(file string, refs ...string) (map[string]v1.Image, error) {
	inside := path.Join("/usr/local/bin", filepath.Base(file))
	image, err := spec{
		files: map[string]string{inside: file}, folders: []string{"/tmp"}, entrypoint: []string{inside}, user: nonroot,
	}.build()
	if err != nil {
		return nil, err
	}
	all := make(map[string]v1.Image, len(refs))
	for _, ref := range refs {
		all[ref] = image
	}
	return all, nil
}
