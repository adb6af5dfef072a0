package mesh

import (
	"context"
	"fmt"
	"time"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	istiokube "istio.io/istio/pkg/kube"

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
// come in Istio's order, the gravest first.
func Analyze(ctx context.Context, k *kube.Client, ns string) ([]Message, error) {
	quiet()
	ctx, cancel := context.WithTimeout(ctx, analyzeWithin)
	defer cancel()
	client, err := istiokube.NewClient(istiokube.NewClientConfigForRestConfig(k.Config()), clusterID)
	if err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", ns, err)
	}
	client = istiokube.EnableCrdWatcher(client)
	defer client.Shutdown()
	// Shutdown waits for the informers, which end with ctx.
	defer cancel()
	a := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(ns), Namespace, nil)
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
