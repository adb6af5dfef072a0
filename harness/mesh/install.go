package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apilabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/patience"
	"github.com/canarylab/canarylab/harness/progress"
)

// appliedSum is LabNamespace's annotation with the Sum of the Manifests that were applied completely.
const appliedSum = "canarylab.io/istio-applied"

// dryRunWithin bounds one try of an injection. While the webhook's service address is not
// routed yet, a try would last until the webhook's timeout of 10 s.
var dryRunWithin = patience.Of(500 * time.Millisecond)

// InstallCore applies the control plane and waits until it works: istiod serves, both webhooks are
// trusted, and a dry run of a pod's creation returns it with a sidecar. From then on pods can be
// created and Istio's objects applied. If the same Manifests were applied before, InstallCore only
// waits.
//
// When ctx ends, the error has what was seen last, and istiod's state, events and last log lines.
func InstallCore(ctx context.Context, k *kube.Client, m Manifests, p progress.Progress) error {
	if err := install(ctx, k, m, p); err != nil {
		return fmt.Errorf("install Istio: %w", err)
	}
	return nil
}

func install(ctx context.Context, k *kube.Client, m Manifests, p progress.Progress) error {
	if err := applyOnce(ctx, k, m, p); err != nil {
		return err
	}
	for _, s := range []struct {
		step  string
		check func(context.Context, *kube.Client) error
	}{
		{"istio: istiod", istiodServes},
		{"istio: webhooks", webhooksTrusted},
		{"istio: injection", podInjected},
	} {
		done := progress.Begin(p, s.step)
		err := waitFor(ctx, k, s.step, s.check)
		done(err)
		if err != nil {
			return err
		}
	}
	return nil
}

func applyOnce(ctx context.Context, k *kube.Client, m Manifests, p progress.Progress) (err error) {
	namespaces := k.Kubernetes().CoreV1().Namespaces()
	lab, err := namespaces.Get(ctx, LabNamespace, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read namespace %s: %w", LabNamespace, err)
	}
	if err == nil && lab.Annotations[appliedSum] == m.Sum {
		return nil
	}
	done := progress.Begin(p, "istio: apply")
	defer func() { done(err) }()
	if err := checkForeign(ctx, k, m); err != nil {
		return err
	}
	injected := withLabels(map[string]string{injectionLabel: "enabled"}, m.Labels)
	objects := append([]*unstructured.Unstructured{
		namespace(Namespace, m.Labels, nil), namespace(LabNamespace, injected, nil),
	}, m.Core...)
	if err := k.ApplyObjects(ctx, objects); err != nil {
		return err
	}
	// The annotation comes last, so that an apply which was interrupted is done again.
	return k.ApplyObjects(ctx, []*unstructured.Unstructured{
		namespace(LabNamespace, injected, map[string]any{appliedSum: m.Sum}),
	})
}

// checkForeign refuses to install the lab's Istio on a borrowed cluster that has parts of another
// one, with or without an istiod, because Uninstall would remove them.
func checkForeign(ctx context.Context, k *kube.Client, m Manifests) error {
	if len(m.Labels) == 0 {
		return nil
	}
	namespaces := []*unstructured.Unstructured{namespace(Namespace, nil, nil), namespace(LabNamespace, nil, nil)}
	_, foreign, err := clusterWide(ctx, k, slices.Concat(namespaces, m.Core, m.Gateway), m.Labels)
	if err != nil {
		return err
	}
	if len(foreign) == 0 {
		return nil
	}
	more := ""
	if n := len(foreign) - shownDifferences; n > 0 {
		foreign, more = foreign[:shownDifferences], fmt.Sprintf(" and %d more", n)
	}
	var there []string
	for _, ref := range foreign {
		there = append(there, ref.String())
	}
	return fmt.Errorf("%w: %s%s: remove them, or use the Istio that they belong to",
		ErrForeign, strings.Join(there, ", "), more)
}

// clusterWide returns those of objects that are in the cluster and in no namespace: the lab's, which have
// labels, and foreign ones.
func clusterWide(
	ctx context.Context, k *kube.Client, objects []*unstructured.Unstructured, labels map[string]string,
) (own, foreign []kube.Ref, err error) {
	for _, o := range objects {
		if o.GetNamespace() != "" {
			continue
		}
		ref := kube.Ref{GroupVersionKind: o.GroupVersionKind(), Name: o.GetName()}
		got, found, err := k.Labels(ctx, ref)
		switch {
		case err != nil:
			return nil, nil, err
		case found && apilabels.SelectorFromSet(labels).Matches(apilabels.Set(got)):
			own = append(own, ref)
		case found:
			foreign = append(foreign, ref)
		}
	}
	return own, foreign, nil
}

// ErrForeign is wrapped by the error of an installation that would overwrite somebody else's objects.
var ErrForeign = errors.New("parts of an Istio that is not the lab's are in the cluster")

func namespace(name string, labels map[string]string, annotations map[string]any) *unstructured.Unstructured {
	meta := map[string]any{"name": name}
	if annotations != nil {
		meta["annotations"] = annotations
	}
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": meta}}
	o.SetLabels(withLabels(labels, map[string]string{ManagedBy: Manager}))
	return o
}

// waitFor waits until check succeeds. When ctx ends, the error says what check saw last.
func waitFor(ctx context.Context, k *kube.Client, what string, check func(context.Context, *kube.Client) error) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		last = check(ctx, k)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w; last seen: %w%s", what, err, last, k.Explain(ctx, Namespace, ""))
	}
	return nil
}

// istiodServes checks that the Service which webhooks and proxies call has a ready endpoint.
func istiodServes(ctx context.Context, k *kube.Client) error {
	slices, err := k.Kubernetes().DiscoveryV1().EndpointSlices(Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + istiodName,
	})
	if err != nil {
		return err
	}
	for _, s := range slices.Items {
		for _, e := range s.Endpoints {
			// Nil means ready.
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				return nil
			}
		}
	}
	return errors.New("istiod is not ready")
}

// webhooksTrusted checks that istiod has put its CA into its webhooks. Without it the API server does not call them.
func webhooksTrusted(ctx context.Context, k *kube.Client) error {
	// Both charts label their webhooks app=sidecar-injector or app=istiod. An existing cluster may have others too.
	mine := metav1.ListOptions{LabelSelector: "app in (sidecar-injector,istiod)"}
	admission := k.Kubernetes().AdmissionregistrationV1()
	mutating, err := admission.MutatingWebhookConfigurations().List(ctx, mine)
	if err != nil {
		return err
	}
	validating, err := admission.ValidatingWebhookConfigurations().List(ctx, mine)
	if err != nil {
		return err
	}
	if len(mutating.Items) == 0 || len(validating.Items) == 0 {
		return errors.New("the webhooks of Istio are missing")
	}
	trusted := func(webhook, configuration string, client admissionv1.WebhookClientConfig) {
		if len(client.CABundle) == 0 && err == nil {
			err = fmt.Errorf("webhook %s of %s has no CA yet", webhook, configuration)
		}
	}
	for _, c := range mutating.Items {
		for _, w := range c.Webhooks {
			trusted(w.Name, c.Name, w.ClientConfig)
		}
	}
	for _, c := range validating.Items {
		for _, w := range c.Webhooks {
			trusted(w.Name, c.Name, w.ClientConfig)
		}
	}
	return err
}

// podInjected checks that a dry run of a pod's creation returns it with a sidecar, and that the
// namespace has what a sidecar needs to start: the CA certificate that istiod puts into every
// namespace.
func podInjected(ctx context.Context, k *kube.Client) error {
	core := k.Kubernetes().CoreV1()
	if _, err := core.ConfigMaps(LabNamespace).Get(ctx, "istio-ca-root-cert", metav1.GetOptions{}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dryRunWithin)
	defer cancel()
	pod, err := core.Pods(LabNamespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "injection-", Namespace: LabNamespace},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}},
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return err
	}
	if proxyContainer(pod) == nil {
		return errors.New("a pod was admitted without a sidecar")
	}
	return nil
}

// InstallGateway applies the ingress gateway, if m has one, and waits until it is ready. It needs a
// working istiod, and can run while an app starts.
func InstallGateway(ctx context.Context, k *kube.Client, m Manifests, p progress.Progress) (err error) {
	if len(m.Gateway) == 0 {
		return nil
	}
	done := progress.Begin(p, "istio: ingress gateway")
	defer func() { done(err) }()
	if err = k.ApplyObjects(ctx, m.Gateway); err == nil {
		err = k.WaitWorkloads(ctx, Namespace)
	}
	if err != nil {
		return fmt.Errorf("install the ingress gateway: %w", err)
	}
	return nil
}

// Uninstall removes the cluster-wide objects of an Istio that was installed with Options.Labels.
// Objects in namespaces go with these. Objects without the labels belong to somebody else and stay,
// whatever their names are.
func Uninstall(ctx context.Context, k *kube.Client, labels map[string]string) error {
	if len(labels) == 0 {
		return errors.New("uninstall Istio: no labels to tell the lab's objects by")
	}
	m, err := Render(Options{Gateway: true})
	if err != nil {
		return err
	}
	own, _, err := clusterWide(ctx, k, slices.Concat(m.Core, m.Gateway), labels)
	if err != nil {
		return err
	}
	return k.Delete(ctx, own...)
}
