package mesh

import (
	"context"
	"fmt"
	"strings"
	"time"

	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/config/schema/gvk"
	istiokube "istio.io/istio/pkg/kube"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/kube"
)

// analyzeWithin bounds Analyze: it reads the whole cluster, and is help, not proof.
const analyzeWithin = 10 * time.Second

// A Message is one finding of Istio's configuration analysis.
type Message struct {
	// Code is such as "IST0173", explained at https://istio.io/latest/docs/reference/config/analysis/. Level is "Info",
	// "Warning" or "Error".
	Code, Level string
	// Resource is what the finding is about, such as "DestinationRule my-service.demo"; empty for the whole mesh.
	Resource string
	Text     string
}

// Analyze is `istioctl analyze -n ns`: every analyzer of Istio on the objects that are in the cluster now. The findings
// come in Istio's order, the gravest first. A user who may not read the whole cluster, secrets included, gets an analysis of what is in
// ns alone.
func Analyze(ctx context.Context, k *kube.Client, m Installed, ns string) ([]Message, error) {
	quiet()
	ctx, cancel := context.WithTimeout(ctx, analyzeWithin)
	defer cancel()
	whole, err := AnalyzesAll(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
	}
	if !whole {
		return analyzeAlone(ctx, k, m, ns)
	}
	client, err := istiokube.NewClient(istiokube.NewClientConfigForRestConfig(k.Config()), clusterID)
	if err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
	}
	client = istiokube.EnableCrdWatcher(client)
	defer client.Shutdown()
	// Shutdown waits for the informers, which end with ctx.
	defer cancel()
	a := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(ns), resource.Namespace(m.Namespace), nil)
	a.AddRunningKubeSource(client)
	result, err := a.Analyze(ctx.Done())
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
	}
	return messages(result.Messages), nil
}

// AnalyzesAll tells whether Analyze may look at the whole cluster, as Istio's analyzers do. The rights that people lack are those to
// read secrets and definitions of kinds.
func AnalyzesAll(ctx context.Context, k *kube.Client) (bool, error) {
	for resource, group := range map[string]string{"secrets": "", "customresourcedefinitions": "apiextensions.k8s.io"} {
		if allowed, err := k.Allowed(ctx, "list", group, resource); err != nil || !allowed {
			return false, err
		}
	}
	return true, nil
}

// alone are the kinds that an analysis of one namespace takes into account: those that scenarios are made of.
var alone = []config.GroupVersionKind{
	gvk.Namespace, gvk.Service, gvk.Deployment, gvk.Pod, gvk.VirtualService, gvk.DestinationRule, gvk.Gateway, gvk.Sidecar,
	gvk.EnvoyFilter, gvk.ServiceEntry, gvk.PeerAuthentication, gvk.AuthorizationPolicy,
}

// analyzeAlone hands the objects of ns to the analyzers as if they came from files.
func analyzeAlone(ctx context.Context, k *kube.Client, m Installed, ns string) ([]Message, error) {
	var yamls strings.Builder
	for _, kind := range alone {
		objects, err := k.List(ctx, kind.Kubernetes(), ns)
		if err != nil {
			return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
		}
		for _, o := range objects {
			b, err := yaml.Marshal(o.Object)
			if err != nil {
				return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
			}
			yamls.WriteString("---\n")
			yamls.Write(b)
		}
	}
	a := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(ns), resource.Namespace(m.Namespace), nil)
	// Istio calls it a test's because istioctl leaves pods and deployments in files out; here they are what runs.
	if err := a.AddTestReaderKubeSource([]local.ReaderSource{{Name: ns, Reader: strings.NewReader(yamls.String())}}); err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
	}
	result, err := a.Analyze(ctx.Done())
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
	}
	return messages(result.Messages), nil
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
