package mesh

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/config/schema/gvk"
	istiokube "istio.io/istio/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/patience"
)

// analyzeWithin bounds Analyze, which reads the whole cluster and is help, not proof.
var analyzeWithin = patience.Of(10 * time.Second)

// A Message is one finding of Istio's configuration analysis.
type Message struct {
	// Code is such as "IST0173", explained at
	// https://istio.io/latest/docs/reference/config/analysis/. Level is "Info", "Warning" or
	// "Error".
	Code, Level string
	// Resource is what the finding is about, such as "DestinationRule demo/my-service". It is empty for the whole mesh.
	Resource string
	Text     string
}

// Analyze is `istioctl analyze -n ns`: it runs every analyzer of Istio on the objects that are in
// the cluster now. The findings come in Istio's order, the gravest first. For a user who may not
// read the whole cluster, secrets included, it analyzes only what is in ns.
func Analyze(ctx context.Context, k *kube.Client, m Installed, ns string) (found []Message, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("analyze namespace %s: %w", ns, err)
		}
	}()
	silenceIstio()
	ctx, cancel := context.WithTimeout(ctx, analyzeWithin)
	defer cancel()
	whole, err := AnalyzesAll(ctx, k)
	if err != nil {
		return nil, err
	}
	if !whole {
		return analyzeNamespace(ctx, k, m, ns)
	}
	client, err := istiokube.NewClient(istiokube.NewClientConfigForRestConfig(k.Config()), clusterID)
	if err != nil {
		return nil, err
	}
	client = istiokube.EnableCrdWatcher(client)
	defer client.Shutdown()
	// Shutdown waits for the informers, which end with ctx.
	defer cancel()
	a := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(ns), resource.Namespace(m.Namespace), nil)
	a.AddRunningKubeSource(client)
	return runAnalyzer(ctx, a)
}

// AnalyzeNamespace is Analyze of what is in ns alone, whatever the user may read: on a cluster that others use, their
// objects would be taken for the scenario's, such as their pods for those of a subset that has none.
func AnalyzeNamespace(ctx context.Context, k *kube.Client, m Installed, ns string) ([]Message, error) {
	silenceIstio()
	ctx, cancel := context.WithTimeout(ctx, analyzeWithin)
	defer cancel()
	found, err := analyzeNamespace(ctx, k, m, ns)
	if err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
	}
	return found, nil
}

// AnalyzesAll tells whether Analyze may look at the whole cluster, as Istio's analyzers do. Users
// often may not read secrets and custom resource definitions.
func AnalyzesAll(ctx context.Context, k *kube.Client) (bool, error) {
	for resource, group := range map[string]string{"secrets": "", "customresourcedefinitions": "apiextensions.k8s.io"} {
		if allowed, err := k.Allowed(ctx, "list", group, resource); err != nil || !allowed {
			return false, err
		}
	}
	return true, nil
}

// namespaceKinds are the kinds that an analysis of one namespace considers: those that scenarios are made of.
var namespaceKinds = []config.GroupVersionKind{
	gvk.Namespace, gvk.Service, gvk.Deployment, gvk.Pod, gvk.VirtualService, gvk.DestinationRule, gvk.Gateway,
	gvk.Sidecar, gvk.EnvoyFilter, gvk.ServiceEntry, gvk.PeerAuthentication, gvk.AuthorizationPolicy,
}

// AnalyzeFiles is `istioctl analyze --use-kube=false -n ns FILE…`: it runs every analyzer of Istio
// on manifests alone, without a cluster. Each of yamls is one file. If two files have the same
// object, the later one counts, as after applying them in order. Objects without a namespace are in
// ns, and findings about other namespaces are left out. A file that is not YAML, or has something
// that is not a Kubernetes object, is an error. Objects of kinds that Istio does not read are
// ignored.
//
// Files are not a cluster. As in istioctl, the analyzers look only at objects of Istio's own kinds
// in them, and every analyzer that also wants Kubernetes' kinds (Services, Namespaces, Deployments,
// Pods) is left out. So AnalyzeFiles does not find a host that no Service has, a subset whose
// labels no pod has (IST0173, which Analyze finds), a namespace without injection (IST0102), a pod
// without a sidecar (IST0103) or a wrong name of a Service port (IST0118). It finds what Istio's
// objects say of each other and of themselves: a subset or gateway that is missing (IST0101), two
// VirtualServices for one host (IST0109), values that Istio's validation rejects (IST0106). An
// object that only the cluster has is missing here, and AnalyzeFiles reports what refers to it.
func AnalyzeFiles(ctx context.Context, yamls [][]byte, ns string) (found []Message, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("analyze files of namespace %s: %w", ns, err)
		}
	}()
	silenceIstio()
	newest, err := mergeFiles(yamls)
	if err != nil {
		return nil, err
	}
	a := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(ns), Namespace, nil)
	// These are the ingress gateway that a cluster with Istio has.
	if err := a.AddDefaultResources(); err != nil {
		return nil, err
	}
	if err := a.AddReaderKubeSource([]local.ReaderSource{{Name: ns, Reader: bytes.NewReader(newest)}}); err != nil {
		return nil, err
	}
	return runAnalyzer(ctx, a)
}

// mergeFiles returns a stream of YAML documents with each object of files once, in its last form.
func mergeFiles(files [][]byte) ([]byte, error) {
	newest := map[kube.Ref]*unstructured.Unstructured{}
	var order []kube.Ref
	for i, f := range files {
		all, err := kube.Objects(f)
		if err != nil {
			return nil, fmt.Errorf("file %d: %w", i+1, err)
		}
		for _, o := range all {
			kind := o.GroupVersionKind()
			// An object is the same one in all versions of its kind.
			kind.Version = ""
			ref := kube.Ref{GroupVersionKind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}
			if newest[ref] == nil {
				order = append(order, ref)
			}
			newest[ref] = o
		}
	}
	all := make([]*unstructured.Unstructured, 0, len(order))
	for _, ref := range order {
		all = append(all, newest[ref])
	}
	return kube.YAML(all)
}

// runAnalyzer returns what an analyzer finds.
func runAnalyzer(ctx context.Context, a *local.IstiodAnalyzer) ([]Message, error) {
	result, err := a.Analyze(ctx.Done())
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return messages(result.Messages), nil
}

// analyzeNamespace gives the analyzers the objects of ns as if they came from files.
func analyzeNamespace(ctx context.Context, k *kube.Client, m Installed, ns string) ([]Message, error) {
	var all []*unstructured.Unstructured
	for _, kind := range namespaceKinds {
		objects, err := k.List(ctx, kind.Kubernetes(), ns)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	yamls, err := kube.YAML(all)
	if err != nil {
		return nil, err
	}
	a := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(ns), resource.Namespace(m.Namespace), nil)
	// Istio calls this source a test's, because istioctl ignores pods and deployments in files.
	// Here they are what runs.
	if err := a.AddTestReaderKubeSource([]local.ReaderSource{{Name: ns, Reader: bytes.NewReader(yamls)}}); err != nil {
		return nil, err
	}
	return runAnalyzer(ctx, a)
}

func messages(found diag.Messages) []Message {
	out := make([]Message, 0, len(found))
	for i := range found {
		m := &found[i]
		message := Message{
			Code:  m.Type.Code(),
			Level: m.Type.Level().String(),
			Text:  fmt.Sprintf(m.Type.Template(), m.Parameters...),
		}
		if m.Resource != nil {
			message.Resource = m.Resource.Origin.FriendlyName()
		}
		out = append(out, message)
	}
	return out
}
