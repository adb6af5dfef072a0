// Package labtest helps tests that need a cluster of somebody else's.
package labtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
)

// The guest's own names.
const (
	// GuestNamespace has the guest's service account. It is the host's, and no business of the guest's.
	GuestNamespace = "guests"
	guest          = "guest"
)

const (
	// removedWithin bounds the removal of a guest. The namespace takes Kubernetes 5 s.
	removedWithin = time.Minute
	// knownWithin is several times kubelet's 10 s between two reports of a node's state (nodeStatusUpdateFrequency).
	knownWithin = time.Minute
)

// Guest is Invite for a test: the guest leaves when it ends.
func Guest(t testing.TB, host *lab.Lab) existing.Access {
	t.Helper()
	access, leave := Invite(t, host)
	t.Cleanup(leave)
	return access
}

// Invite makes a user of host's cluster that has just the rights that `canarylab rbac` prints, and says how that user gets in: through
// a kubeconfig of its own. After leave there is no such user any more.
func Invite(t testing.TB, host *lab.Lab) (access existing.Access, leave func()) {
	t.Helper()
	ctx, k := t.Context(), host.Kube()
	must := func(err error) {
		t.Helper()
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	leave = func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removedWithin)
		defer cancel()
		roles := rbacv1.SchemeGroupVersion
		err := k.Delete(ctx, kube.Ref{GroupVersionKind: roles.WithKind("ClusterRoleBinding"), Name: existing.Role},
			kube.Ref{GroupVersionKind: roles.WithKind("ClusterRole"), Name: existing.Role})
		if err := errors.Join(err, k.DeleteNamespace(ctx, GuestNamespace)); err != nil {
			t.Error(err)
		}
	}
	core := k.Kubernetes().CoreV1()
	_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: GuestNamespace}}, metav1.CreateOptions{})
	must(err)
	_, err = core.ServiceAccounts(GuestNamespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: guest}}, metav1.CreateOptions{})
	must(err)
	manifest, err := existing.RBAC("system:serviceaccount:" + GuestNamespace + ":" + guest)
	must(err)
	_, err = k.Apply(ctx, manifest)
	must(err)
	hour := int64(3600)
	token, err := core.ServiceAccounts(GuestNamespace).CreateToken(ctx, guest,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}, metav1.CreateOptions{})
	must(err)
	must(imagesKnown(ctx, k))

	server := host.Cluster().Config()
	config := clientcmdapi.NewConfig()
	config.Clusters["theirs"] = &clientcmdapi.Cluster{Server: server.Host, CertificateAuthorityData: server.CAData}
	config.AuthInfos[guest] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts[guest] = &clientcmdapi.Context{Cluster: "theirs", AuthInfo: guest}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(clientcmd.WriteToFile(*config, file))
	return existing.Access{Kubeconfig: file, Context: guest, Confirmed: true}, leave
}

// imagesKnown waits until the host's node tells that it has the lab's images: kubelet looks at them every now and then.
func imagesKnown(ctx context.Context, k *kube.Client) error {
	ctx, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	return wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		nodes, err := k.Kubernetes().CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, node := range nodes.Items {
			for _, image := range node.Status.Images {
				if slices.ContainsFunc(image.Names, func(name string) bool { return strings.HasSuffix(name, images.LoadGen) }) {
					return true, nil
				}
			}
		}
		return false, nil
	})
}

// Namespaces are the names of a cluster's namespaces, each with its phase.
func Namespaces(t testing.TB, k *kube.Client) []string {
	t.Helper()
	list, err := k.Kubernetes().CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, ns := range list.Items {
		all = append(all, fmt.Sprint(ns.Name, " ", ns.Status.Phase))
	}
	return all
}
