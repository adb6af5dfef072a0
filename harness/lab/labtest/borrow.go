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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
)

// borrower is the name of the user, and of the namespace with the user's service account. The namespace is the
// owner's, and no business of the borrower's.
const borrower = "borrower"

const (
	// removedWithin bounds the removal of a borrower. The namespace takes Kubernetes 5 s.
	removedWithin = time.Minute
	// knownWithin is several times kubelet's 10 s between two reports of a node's state (nodeStatusUpdateFrequency).
	knownWithin = time.Minute
)

// Borrow is Lend for a test: the loan ends with it.
func Borrow(t testing.TB, owner *lab.Lab) lab.Options {
	t.Helper()
	o, end := Lend(t, owner)
	t.Cleanup(end)
	return o
}

// Lend makes a user of owner's cluster that has just the rights that `canarylab rbac` prints, and returns the
// options to open the cluster as that user: as a borrowed one, through a kubeconfig of its own. After end there
// is no such user.
func Lend(t testing.TB, owner *lab.Lab) (o lab.Options, end func()) {
	t.Helper()
	return LendTo(t, owner, Loan{User: borrower})
}

// A Loan says who borrows a cluster, and how.
type Loan struct {
	// User is the borrower, and the name of a namespace with the borrower's service account.
	User string
	// Namespaces are those that were made for scenarios: the borrower has rights in them alone. Nil means that the
	// borrower makes namespaces.
	Namespaces []string
	// Through notes what the borrower does. It may be nil.
	Through *Audit
}

// LendTo is Lend for several borrowers at once. The roles are the same for all: they go with the first end.
func LendTo(t testing.TB, owner *lab.Lab, loan Loan) (o lab.Options, end func()) {
	t.Helper()
	borrower := loan.User
	ctx, k := t.Context(), owner.Kube()
	must := func(err error) {
		t.Helper()
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	manifest, err := lab.RBAC(lab.Grant{
		Users: []string{"system:serviceaccount:" + borrower + ":" + borrower}, Namespaces: loan.Namespaces,
	})
	must(err)
	end = func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removedWithin)
		defer cancel()
		objects, err := kube.Objects(manifest)
		for _, o := range objects {
			err = errors.Join(err, k.Delete(ctx, kube.RefOf(o)))
		}
		if err := errors.Join(err, k.DeleteNamespace(ctx, borrower)); err != nil {
			t.Error(err)
		}
	}
	core, named := k.Kubernetes().CoreV1(), metav1.ObjectMeta{Name: borrower}
	_, err = core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: named}, metav1.CreateOptions{})
	must(err)
	_, err = core.ServiceAccounts(borrower).Create(ctx, &corev1.ServiceAccount{ObjectMeta: named},
		metav1.CreateOptions{})
	must(err)
	_, err = k.Apply(ctx, manifest)
	must(err)
	hour := int64(3600)
	token, err := core.ServiceAccounts(borrower).CreateToken(ctx, borrower,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: &hour,
		}}, metav1.CreateOptions{})
	must(err)
	must(imagesKnown(ctx, k))

	server := owner.Cluster().Config()
	config := clientcmdapi.NewConfig()
	config.Clusters["theirs"] = &clientcmdapi.Cluster{Server: server.Host, CertificateAuthorityData: server.CAData}
	if a := loan.Through; a != nil {
		config.Clusters["theirs"] = &clientcmdapi.Cluster{Server: a.url, CertificateAuthorityData: a.ca}
	}
	config.AuthInfos[borrower] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts[borrower] = &clientcmdapi.Context{Cluster: "theirs", AuthInfo: borrower}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(clientcmd.WriteToFile(*config, file))
	o = lab.Options{Cluster: "existing"}
	o.Existing.Kubeconfig, o.Existing.Context, o.Existing.Confirmed = file, borrower, true
	o.Existing.Owner, o.Existing.Namespaces = borrower, strings.Join(loan.Namespaces, ",")
	return o, end
}

// imagesKnown waits until the owner's node tells that it has the lab's images: kubelet looks at them every now
// and then.
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
				if slices.ContainsFunc(image.Names, func(name string) bool {
					return strings.HasSuffix(name, images.LoadGen)
				}) {
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
