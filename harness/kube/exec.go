package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// Exec runs cmd in a container of a pod and waits until it ends. It uses websocket, or SPDY if a proxy on the
// way does not let websocket through. A nil stream is not attached. An exit code other than 0 is a
// k8s.io/client-go/util/exec.CodeExitError in the error.
func (c *Client) Exec(
	ctx context.Context, ns, pod, container string, cmd []string, stdin io.Reader, stdout, stderr io.Writer,
) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("exec %q in %s/%s, container %s: %w", strings.Join(cmd, " "), ns, pod, container, err)
		}
	}()
	o := &corev1.PodExecOptions{
		Container: container, Command: cmd,
		Stdin: stdin != nil, Stdout: stdout != nil, Stderr: stderr != nil,
	}
	u := c.podURL(ns, pod, "exec")
	query, err := scheme.ParameterCodec.EncodeParameters(o, corev1.SchemeGroupVersion)
	if err != nil {
		return err
	}
	u.RawQuery = query.Encode()
	websocket, err := remotecommand.NewWebSocketExecutor(c.cfg, http.MethodGet, u.String())
	if err != nil {
		return err
	}
	spdy, err := remotecommand.NewSPDYExecutor(c.cfg, http.MethodPost, u)
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewFallbackExecutor(websocket, spdy, mayFallBack)
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: stderr})
}

// mayFallBack tells whether SPDY may work where websocket failed with err.
func mayFallBack(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

func (c *Client) podURL(ns, pod, sub string) *url.URL {
	return c.kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name(pod).SubResource(sub).URL()
}

// FollowLog streams a container's log from since on as it is written. With a zero since it starts at the
// beginning. The API counts since in whole seconds, so lines of up to a second before may come too. Reading
// ends with io.EOF when the container ends or the API server closes the stream. The caller closes the stream,
// or ends ctx.
func (c *Client) FollowLog(ctx context.Context, ns, pod, container string, since time.Time) (io.ReadCloser, error) {
	o := &corev1.PodLogOptions{Container: container, Follow: true}
	if !since.IsZero() {
		o.SinceTime = &metav1.Time{Time: since}
	}
	r, err := c.kube.CoreV1().Pods(ns).GetLogs(pod, o).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("follow log of %s/%s, container %s: %w", ns, pod, container, err)
	}
	return r, nil
}
