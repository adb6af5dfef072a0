package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/canarylab/canarylab/harness/kube"
)

// revisionLabel is the label by which a namespace or a pod asks for the sidecars of one revision.
// istiod's Deployment has it too (https://istio.io/latest/docs/setup/upgrade/canary/).
const revisionLabel = "istio.io/rev"

// injectionLabel is the label by which a namespace asks for the sidecars of the default revision.
const injectionLabel = "istio-injection"

// An Installed is one revision of the Istio that is in a cluster.
type Installed struct {
	// Namespace is istiod's, which is also the mesh's root namespace.
	Namespace string
	// Revision is istiod's own name for itself. It is "default" for an installation without revisions.
	Revision string
	// Injection is the value of the label by which a namespace asks for this revision's sidecars.
	// It is empty for istio-injection: enabled, and differs from Revision where the revision has a
	// tag.
	Injection string
	// Version is that of istiod's image, such as "1.31.0", or the image's tag if that is not a version.
	Version string
	// Image is istiod's.
	Image string
}

// anyIstiod lists the Deployments of istiod, of every revision.
var anyIstiod = metav1.ListOptions{LabelSelector: "app=" + istiodName}

// Own is the Istio that the lab installs itself.
var Own = Installed{Namespace: Namespace, Revision: "default"}

// ErrNoIstio is wrapped by the error of a cluster that has no Istio.
var ErrNoIstio = errors.New("there is no Istio in the cluster")

// Selector finds istiod's pods in Namespace.
func (m Installed) Selector() string {
	return "app=" + istiodName + "," + revisionLabel + "=" + m.Revision
}

// XDS is the address, within the cluster, at which istiod takes proxies without TLS: its Service and port of Istio's
// charts (manifests/charts/istio-control/istio-discovery/templates/service.yaml).
func (m Installed) XDS() string {
	service := istiodName
	if m.Revision != "" && m.Revision != "default" {
		service += "-" + m.Revision
	}
	return service + "." + m.Namespace + ".svc:15010"
}

// configMap names the ConfigMap from which istiod reads the mesh's configuration.
func (m Installed) configMap() string {
	if m.Revision == "" || m.Revision == "default" {
		return "istio"
	}
	return "istio-" + m.Revision
}

// Inject changes the label by which a namespace asks for sidecars into the one that m serves. It
// does not change a namespace that does not ask.
func (m Installed) Inject(namespace *unstructured.Unstructured) {
	all := namespace.GetLabels()
	if m.Injection == "" || all[injectionLabel] != "enabled" {
		return
	}
	all = maps.Clone(all)
	delete(all, injectionLabel)
	all[revisionLabel] = m.Injection
	namespace.SetLabels(all)
}

// Find returns the Istio that is in the cluster. If there are several revisions, it returns the one
// that serves namespaces which ask for injection without naming a revision. revision picks another
// one, by its name or by a tag's. also are further labels that the namespaces will have, because a
// webhook may ask for them. The error wraps ErrNoIstio if there is none, and names the revisions
// that there are if none is the default.
func Find(ctx context.Context, k *kube.Client, revision string, also map[string]string) (Installed, error) {
	list, err := k.Kubernetes().AppsV1().Deployments("").List(ctx, anyIstiod)
	if err != nil {
		return Installed{}, fmt.Errorf("look for istiod: %w", err)
	}
	if len(list.Items) == 0 {
		return Installed{}, ErrNoIstio
	}
	injectors, err := injectors(ctx, k)
	if err != nil {
		return Installed{}, err
	}
	// A webhook calls the istiod of one revision. The wanted revision is that of the webhook which
	// selects the namespace's label.
	label := map[string]string{injectionLabel: "enabled"}
	if revision != "" {
		label = map[string]string{revisionLabel: revision}
	}
	maps.Copy(label, also)
	for _, i := range injectors {
		if !i.injects(label) {
			continue
		}
		for _, d := range list.Items {
			found := installed(d)
			if i.revision != found.Revision || i.namespace != "" && i.namespace != found.Namespace {
				continue
			}
			found.Injection = revision
			return found, nil
		}
	}
	var there []string
	for _, d := range list.Items {
		m := installed(d)
		there = append(there, fmt.Sprintf("%s (%s, in %s)", m.Revision, m.Version, m.Namespace))
	}
	slices.Sort(there)
	want := "namespaces that ask for the default revision"
	if revision != "" {
		want = "revision " + revision
	}
	const none = "no webhook injects sidecars for %s; the revisions of Istio here are %s: name one (--istio-revision)"
	return Installed{}, fmt.Errorf(none, want, strings.Join(there, ", "))
}

func installed(d appsv1.Deployment) Installed {
	m := Installed{Namespace: d.Namespace, Revision: cmp.Or(d.Labels[revisionLabel], "default")}
	for _, c := range d.Spec.Template.Spec.Containers {
		if c.Name != "discovery" {
			continue
		}
		m.Image = c.Image
		image, _, _ := strings.Cut(c.Image, "@") // without a digest
		_, m.Version, _ = strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	}
	return m
}

// An injector is one entry of a webhook configuration that adds sidecars.
type injector struct {
	revision string
	// selector picks the namespaces.
	selector labels.Selector
	// namespace is that of the istiod that it calls. It is empty where it calls a URL.
	namespace string
}

// injects tells whether pods of a namespace with these labels get a sidecar from it.
func (i injector) injects(namespace map[string]string) bool {
	all := maps.Clone(namespace)
	// The API server sets this label on every namespace, and selectors exclude Kubernetes' own namespaces by it.
	all["kubernetes.io/metadata.name"] = LabNamespace
	return i.selector.Matches(labels.Set(all))
}

func injectors(ctx context.Context, k *kube.Client) ([]injector, error) {
	webhooks := k.Kubernetes().AdmissionregistrationV1().MutatingWebhookConfigurations()
	list, err := webhooks.List(ctx, metav1.ListOptions{LabelSelector: "app=sidecar-injector"})
	if err != nil {
		return nil, fmt.Errorf("look for Istio's injection webhooks: %w", err)
	}
	var all []injector
	for _, c := range list.Items {
		revision := cmp.Or(c.Labels[revisionLabel], "default")
		for _, w := range c.Webhooks {
			selector, err := metav1.LabelSelectorAsSelector(w.NamespaceSelector)
			if err != nil {
				return nil, fmt.Errorf("the selector of webhook %s of %s: %w", w.Name, c.Name, err)
			}
			// An entry that selects by the pod's own labels does not answer to a namespace's label.
			pods, err := metav1.LabelSelectorAsSelector(w.ObjectSelector)
			if err != nil {
				return nil, fmt.Errorf("the selector of webhook %s of %s: %w", w.Name, c.Name, err)
			}
			if pods.Matches(labels.Set{}) {
				namespace := ""
				if service := w.ClientConfig.Service; service != nil {
					namespace = service.Namespace
				}
				all = append(all, injector{revision, selector, namespace})
			}
		}
	}
	return all, nil
}

// FindIn returns the Istio whose sidecars a namespace asks for by its labels, as far as somebody can tell who may look
// at istiod's namespace and at no webhook. revision names one where that leaves a choice. The error wraps ErrNoIstio if
// there is none in that namespace.
func FindIn(
	ctx context.Context, k *kube.Client, istiod, revision string, namespace map[string]string,
) (Installed, error) {
	list, err := k.Kubernetes().AppsV1().Deployments(istiod).List(ctx, anyIstiod)
	if err != nil {
		return Installed{}, fmt.Errorf("look for istiod in %s: %w", istiod, err)
	}
	if len(list.Items) == 0 {
		return Installed{}, fmt.Errorf("%w, as far as namespace %s tells", ErrNoIstio, istiod)
	}
	asked := namespace[revisionLabel]
	if asked == "" && namespace[injectionLabel] != "enabled" {
		return Installed{}, fmt.Errorf("the namespace asks for no sidecars: its administrator labels it %s=enabled, "+
			"or %s=REVISION", injectionLabel, revisionLabel)
	}
	want := cmp.Or(revision, asked, "default")
	var there []string
	for _, d := range list.Items {
		found := installed(d)
		// A revision that is alone is meant, whatever its tag.
		if found.Revision == want || len(list.Items) == 1 && revision == "" {
			return found, nil
		}
		there = append(there, fmt.Sprintf("%s (%s)", found.Revision, found.Version))
	}
	slices.Sort(there)
	return Installed{}, fmt.Errorf("which Istio revision %q is can't be told: in %s there are %s: name one of these "+
		"(--istio-revision)", want, istiod, strings.Join(there, ", "))
}

// Minor is the release line of an Istio, such as "1.31" of "1.31.0", "1.31-alpha.1" or Version's form, and empty of
// what is no version, such as a tag "latest".
func Minor(version string) string {
	return minorVersion.FindString(version)
}

var minorVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\b`)

// Serves returns an error unless an istiod of m is ready.
func Serves(ctx context.Context, k *kube.Client, m Installed) error {
	pods, err := k.Pods(ctx, m.Namespace, m.Selector())
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		return fmt.Errorf("no istiod of revision %s is ready in %s", m.Revision, m.Namespace)
	}
	return nil
}
