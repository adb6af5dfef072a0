package depot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/internal/dockercerts"
)

// tries is how often a build is asked for whose layer broke off.
const tries = 2

// A Registry is a repository in an OCI registry. Each build has a tag of its own there, its ID, so that versions and
// architectures do not get in each other's way. It is safe for use by several goroutines.
type Registry struct {
	repository name.Repository
	// set is the index that all builds have to be in, nil where tags are believed.
	set  *v1.Hash
	text string

	connects sync.Once
	next     http.RoundTripper

	mu sync.Mutex
	// members are the manifests of the set, by the builds' IDs. Nil until they are known.
	members map[string]v1.Hash
	// down is why the registry is not asked again.
	down error
}

var _ artifacts.Depot = (*Registry)(nil)

// ParseRegistry returns the repository that a reference names: registry.example.com/team/canarylab, or with
// @sha256:DIGEST after it the set of builds that Push returned the digest of.
func ParseRegistry(reference string) (*Registry, error) {
	const want = "%q is no repository for artifacts: it wants a registry and a name, such as " +
		"registry.example.com/team/canarylab, and after that at most @sha256:DIGEST, which canarylab artifacts push " +
		"prints"
	repository, digest, pinned := strings.Cut(reference, "@")
	host, path, _ := strings.Cut(repository, "/")
	if strings.Contains(path, ":") && !strings.Contains(repository, "://") {
		return nil, fmt.Errorf("%q has a tag: leave it out, each artifact has a tag of its own", reference)
	}
	r, err := name.NewRepository(repository)
	if err != nil {
		return nil, fmt.Errorf(want+" (%w)", reference, err)
	}
	// The library would take what has no registry for a repository of Docker's own, and a scheme for a registry.
	if path == "" || strings.HasPrefix(path, "/") || host != "localhost" && !strings.ContainsAny(host, ".:") {
		return nil, fmt.Errorf(want, reference)
	}
	registry := &Registry{repository: r, text: reference}
	if pinned {
		h, err := v1.NewHash(digest)
		if err != nil {
			return nil, fmt.Errorf(want+" (%w)", reference, err)
		}
		registry.set = &h
	}
	return registry, nil
}

// String implements artifacts.Depot.
func (r *Registry) String() string { return r.text }

// options are those of every call. Credentials and authorities are those that Docker would use.
func (r *Registry) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithTransport(impatient{r.transport(), stalled}),
	}
}

// transport is the same for all calls, as its connections are.
func (r *Registry) transport() http.RoundTripper {
	r.connects.Do(func() {
		r.next = remote.DefaultTransport
		if base, ok := r.next.(*http.Transport); ok {
			r.next = dockercerts.Transport(base)
		}
	})
	return r.next
}

// Fetch implements artifacts.Depot. A registry that can't be reached is not asked again.
func (r *Registry) Fetch(ctx context.Context, id artifacts.ID, dir string, say func(string)) error {
	r.mu.Lock()
	down := r.down
	r.mu.Unlock()
	if down != nil {
		return fmt.Errorf("not asked again after: %w", down)
	}
	var err error
	for range tries {
		if err = fetch(ctx, r, id, dir, say); err == nil || !brokeOff(err) || ctx.Err() != nil {
			break
		}
		if err := emptied(dir); err != nil {
			return err
		}
	}
	if err != nil && !errors.Is(err, artifacts.ErrAbsent) && !errors.Is(err, ErrWrong) && ctx.Err() == nil {
		r.mu.Lock()
		r.down = err
		r.mu.Unlock()
	}
	return err
}

// brokeOff tells whether what was read ended too early.
func brokeOff(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrWrong)
}

// emptied deletes what a first try left.
func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, e := range entries {
		if err := root.RemoveAll(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// manifest implements shelf.
func (r *Registry) manifest(ctx context.Context, id artifacts.ID) ([]byte, *v1.Hash, error) {
	var ref name.Reference = r.repository.Tag(id.String())
	var want *v1.Hash
	if r.set != nil {
		digest, err := r.member(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		ref, want = r.repository.Digest(digest.String()), &digest
	}
	d, err := remote.Get(ref, r.options(ctx)...)
	if absent(err) {
		return nil, nil, fmt.Errorf("%s: %w", id, artifacts.ErrAbsent)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask for %s: %w", ref, err)
	}
	return d.Manifest, want, nil
}

// member is the manifest of a build in the set.
func (r *Registry) member(ctx context.Context, id artifacts.ID) (v1.Hash, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members == nil {
		ref := r.repository.Digest(r.set.String())
		d, err := remote.Get(ref, r.options(ctx)...)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("ask for %s: %w", ref, err)
		}
		if r.members, err = members(d.Manifest, r.set); err != nil {
			return v1.Hash{}, fmt.Errorf("%w: %s: %w", ErrWrong, ref, err)
		}
	}
	digest, ok := r.members[id.String()]
	if !ok {
		return digest, fmt.Errorf("%s: %w", id, artifacts.ErrAbsent)
	}
	return digest, nil
}

// refAnnotation is where an index notes what a manifest is called (OCI image specification, annotations).
const refAnnotation = "org.opencontainers.image.ref.name"

// members are the manifests that an index has, by the builds' IDs. want is its digest, nil where none is known.
func members(raw []byte, want *v1.Hash) (map[string]v1.Hash, error) {
	if want != nil {
		if err := check(raw, *want); err != nil {
			return nil, err
		}
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	all := map[string]v1.Hash{}
	for _, d := range index.Manifests {
		all[d.Annotations[refAnnotation]] = d.Digest
	}
	return all, nil
}

// absent tells whether a registry says that it does not have something.
func absent(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

// blob implements shelf.
func (r *Registry) blob(ctx context.Context, digest v1.Hash, _ int64) (io.ReadCloser, error) {
	l, err := remote.Layer(r.repository.Digest(digest.String()), r.options(ctx)...)
	if err != nil {
		return nil, err
	}
	content, err := l.Compressed()
	if err != nil {
		return nil, fmt.Errorf("ask for the blob %s: %w", digest, err)
	}
	return content, nil
}

// Push brings builds to the registry, but for those that it has. It packs them below scratch. It returns the digest of
// the set that they are, for a reference that pins them, and calls say with what it is at.
func (r *Registry) Push(ctx context.Context, builds []Build, scratch string, say func(string)) (set string, err error) {
	if r.set != nil {
		return "", fmt.Errorf("%s has a digest: what is pushed gets a new one, so leave it out", r)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	err = spooling(ctx, scratch, func(spool string) error {
		for _, b := range sorted(builds) {
			image, err := r.push(ctx, b, spool, say)
			if err != nil {
				return fmt.Errorf("push %s to %s: %w", b.Name, r, err)
			}
			index = mutate.AppendManifests(index, entry(image, b))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	// Without a tag a registry may throw it away.
	if err := remote.Put(r.repository.Tag("set-"+digest.Hex[:16]), index, r.options(ctx)...); err != nil {
		return "", fmt.Errorf("push the set of all to %s: %w", r, err)
	}
	return digest.String(), nil
}

// entry is an image as an index has it.
func entry(image mutate.Appendable, b Build) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
		Platform: &platform, Annotations: map[string]string{refAnnotation: b.String()},
	}}
}

// push brings one build there, and returns its image.
func (r *Registry) push(ctx context.Context, b Build, spool string, say func(string)) (mutate.Appendable, error) {
	tag := r.repository.Tag(b.String())
	there, err := remote.Get(tag, r.options(ctx)...)
	if err == nil {
		if _, _, err := parse(there.Manifest); err == nil {
			say(b.Name + ": it is there")
			return there.Image()
		}
		// Whatever it is, it is none of ours: it is replaced.
	} else if !absent(err) {
		return nil, err
	}
	say("pack " + b.Name)
	image, l, err := pack(ctx, b, spool)
	if err != nil {
		return nil, err
	}
	say(fmt.Sprintf("push %s, %d MB", b.Name, l.size>>20))
	if err := remote.Write(tag, image, r.options(ctx)...); err != nil {
		return nil, err
	}
	return image, os.Remove(l.file)
}
