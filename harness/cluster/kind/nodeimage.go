package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/progress"
)

// registryAnswers bounds the question whether kind's own node image can be pulled.
const registryAnswers = 5 * time.Second

// A nodeImage is what a node is made of.
type nodeImage struct {
	ref string
	// own tells that it was built here. It has no systemd, and a network of its own.
	own bool
	// why says why it was taken.
	why string
}

// nodeImage decides on the node image and makes sure that the engine has it: the one that was asked for, kind's
// own if it is there, ours if it was built, kind's own if it can be pulled, or ours.
func (p *Provider) nodeImage(ctx context.Context, e engine, steps progress.Progress) (nodeImage, error) {
	if p.NodeImage != "" {
		if !e.hasImage(ctx, p.NodeImage) {
			if err := pull(ctx, e, p.NodeImage, steps); err != nil {
				return nodeImage{}, fmt.Errorf("--node-image: %w", err)
			}
		}
		own, err := e.label(ctx, p.NodeImage, images.NodeLabel)
		return nodeImage{p.NodeImage, own != "", "as asked for"}, err
	}
	official := defaults.Image
	if e.hasImage(ctx, official) {
		return nodeImage{official, false, "kind's own"}, nil
	}
	if built, err := p.built(ctx, e); err != nil {
		return nodeImage{}, err
	} else if built != "" {
		const why = "built here from the binaries that an embedded node has, because kind's own (%s) is not there"
		return nodeImage{built, true, fmt.Sprintf(why, official)}, nil
	}
	unreachable := reachable(ctx, official)
	if unreachable == nil {
		unreachable = pull(ctx, e, official, steps)
		if unreachable == nil {
			return nodeImage{official, false, "kind's own"}, nil
		}
	}
	if ctx.Err() != nil {
		return nodeImage{}, ctx.Err()
	}
	ref, err := p.BuildNodeImage(ctx, steps)
	if err != nil {
		return nodeImage{}, fmt.Errorf("%w (and kind's own can't be had: %w)", err, unreachable)
	}
	return nodeImage{ref, true, "built here, because kind's own can't be had: " + firstLine(unreachable)}, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// BuildsNodeImage tells whether Prepare has to build a node image: none is there, and kind's own can't be
// pulled. It is false where no engine answers.
func (p *Provider) BuildsNodeImage(ctx context.Context) bool {
	e, err := p.engine(ctx)
	if err != nil || p.NodeImage != "" || e.hasImage(ctx, defaults.Image) {
		return false
	}
	if out, err := e.ownImages(ctx); err != nil || len(out) > 0 {
		return false
	}
	return reachable(ctx, defaults.Image) != nil
}

// built is the node image that would be built now, if the engine has it; empty if it has not. It builds nothing to
// find out.
func (p *Provider) built(ctx context.Context, e engine) (string, error) {
	if own, err := e.ownImages(ctx); err != nil || len(own) == 0 {
		return "", err
	}
	node, err := images.NewNode(artifacts.WithoutBuilding(ctx), p.Store, string(e))
	if errors.Is(err, artifacts.ErrNotBuilt) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !e.hasImage(ctx, node.Ref) {
		return "", nil
	}
	return node.Ref, nil
}

// reachable asks the registry for an image's manifest.
func reachable(ctx context.Context, image string) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, registryAnswers)
	defer cancel()
	if _, err := remote.Head(ref, images.Remote(ctx)...); err != nil {
		return fmt.Errorf("ask the registry for %s: %w", image, err)
	}
	return nil
}

func pull(ctx context.Context, e engine, image string, steps progress.Progress) (err error) {
	done := progress.Begin(steps, "pull "+image)
	defer func() { done(err) }()
	_, err = e.output(ctx, "pull", "--quiet", image)
	return err
}

// BuildNodeImage builds the node image that kind uses where its own can't be had, loads it into the engine, and
// returns its reference. It does not build again what is there already, and removes older images that no container
// uses.
func (p *Provider) BuildNodeImage(ctx context.Context, steps progress.Progress) (_ string, err error) {
	e, err := p.engine(ctx)
	if err != nil {
		return "", err
	}
	node, err := images.NewNode(ctx, p.Store, string(e))
	if err != nil {
		return "", fmt.Errorf("build a node image: %w", err)
	}
	if e.hasImage(ctx, node.Ref) {
		return node.Ref, nil
	}
	done := progress.Begin(steps, "load the node image into "+string(e))
	defer func() { done(err) }()
	image, err := node.Image()
	if err != nil {
		return "", err
	}
	archive, err := images.Archive(ctx, map[string]v1.Image{node.Ref: image})
	if err != nil {
		return "", err
	}
	defer archive.Close()
	if err := e.load(ctx, archive); err != nil {
		return "", fmt.Errorf("load the node image: %w", err)
	}
	p.prune(ctx, e, node.Ref)
	return node.Ref, nil
}

// prune removes node images of ours but for the newest. One that a container uses stays, and so does one that
// can't be removed for another reason: an image too many is no harm.
func (p *Provider) prune(ctx context.Context, e engine, newest string) {
	own, err := e.ownImages(ctx)
	if err != nil {
		return
	}
	for _, ref := range own {
		if !strings.HasSuffix(ref, newest) {
			_, _ = e.output(ctx, "image", "rm", ref)
		}
	}
}
