package images

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// nftPath is where the proxy's image has nft.
const nftPath = "/usr/sbin/nft"

var errNoNft = errors.New("this machine has no nft, for kube-proxy, and neither has the proxy's image: on Debian and " +
	"Ubuntu, apt-get install nftables")

// HasNft tells whether this machine has nft.
func HasNft() bool {
	_, err := lookProgram("nft")
	return err == nil
}

// WriteNft writes the nft of the proxy's image into dir, which is made, for a node on a machine that has none: a script
// of that name, and below lib the program, its libraries and its loader. The image was made elsewhere then; what nft
// needs there need not be the machine's own.
func WriteNft(proxy v1.Image, dir string) error {
	if proxy == nil {
		return errNoNft
	}
	layers, err := proxy.Layers()
	if err != nil {
		return fmt.Errorf("read the proxy's image: %w", err)
	}
	lib := filepath.Join(dir, "lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return err
	}
	loader, found := "", false
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			return fmt.Errorf("read the proxy's image: %w", err)
		}
		err = eachFile(content, func(name string, r io.Reader) error {
			base := path.Base(name)
			switch {
			case name == nftPath:
				found = true
			case !strings.Contains(base, ".so"):
				return nil
			case strings.HasPrefix(base, "ld-"):
				loader = base
			}
			return writeProgram(filepath.Join(lib, base), r)
		})
		if err := errors.Join(err, content.Close()); err != nil {
			return fmt.Errorf("take nft out of the proxy's image: %w", err)
		}
	}
	if !found || loader == "" {
		return errNoNft
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' --library-path '%s' '%s' \"$@\"\n", filepath.Join(lib, loader), lib,
		filepath.Join(lib, path.Base(nftPath)))
	return writeProgram(filepath.Join(dir, path.Base(nftPath)), strings.NewReader(script))
}

// eachFile calls do with each file of a tar, by its absolute name.
func eachFile(content io.Reader, do func(name string, r io.Reader) error) error {
	t := tar.NewReader(content)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			if err := do(path.Join("/", h.Name), t); err != nil {
				return err
			}
		}
	}
}

func writeProgram(file string, content io.Reader) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
