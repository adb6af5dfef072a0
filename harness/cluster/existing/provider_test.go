package existing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/images"
)

// An api is so much of an API server as the provider asks: its version, its nodes, access reviews, and namespaces.
type api struct {
	mu         sync.Mutex
	asked      []string // "METHOD path", in order
	namespaces map[string]map[string]string
	nodes      []corev1.Node
	// denied are the rights that the user lacks, as "verb group/resource/subresource".
	denied map[string]bool
	// reviewed are the rights that were asked for, in that form.
	reviewed []string
	broken   bool
	// leases are by namespace and name, and version counts their writes.
	leases  map[string]*coordinationv1.Lease
	version int
}

const leasesPath = "/apis/coordination.k8s.io/v1/namespaces/"

// lease answers what is asked of Leases.
func (a *api) lease(r *http.Request) (int, any) {
	if a.leases == nil {
		a.leases = map[string]*coordinationv1.Lease{}
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, leasesPath), "/") // NAMESPACE/leases/NAME
	key := parts[0]
	if len(parts) == 3 {
		key += "/" + parts[2]
	}
	there := a.leases[key]
	write := func() (int, any) {
		var lease coordinationv1.Lease
		if err := decode(r, &lease); err != nil {
			return 400, err.Error()
		}
		lease.TypeMeta = metav1.TypeMeta{Kind: "Lease", APIVersion: "coordination.k8s.io/v1"}
		if there != nil && there.ResourceVersion != lease.ResourceVersion {
			return 409, status(409, metav1.StatusReasonConflict)
		}
		a.version++
		lease.ResourceVersion = strconv.Itoa(a.version)
		if lease.UID == "" {
			lease.UID = types.UID(lease.ResourceVersion)
		}
		a.leases[parts[0]+"/"+lease.Name] = &lease
		return 200, &lease
	}
	switch {
	case r.Method == http.MethodPost:
		return write()
	case len(parts) == 2:
		list := &coordinationv1.LeaseList{TypeMeta: metav1.TypeMeta{
			Kind: "LeaseList", APIVersion: "coordination.k8s.io/v1",
		}}
		for at, lease := range a.leases {
			if strings.HasPrefix(at, parts[0]+"/") {
				list.Items = append(list.Items, *lease)
			}
		}
		return 200, list
	case there == nil:
		return 404, status(404, metav1.StatusReasonNotFound)
	case r.Method == http.MethodPut:
		return write()
	case r.Method == http.MethodDelete:
		delete(a.leases, key)
	}
	return 200, there
}

func status(code int, reason metav1.StatusReason) map[string]any {
	return map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": string(reason),
	}
}

// decode reads an object, whichever form the client prefers.
func decode(r *http.Request, into runtime.Object) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	_, _, err = scheme.Codecs.UniversalDeserializer().Decode(body, nil, into)
	return err
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Path)
	reply := func(code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	notFound := func() {
		reply(404, map[string]any{
			"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound",
		})
	}
	ns, isNamespace := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/")
	switch {
	case a.broken:
		reply(500, map[string]any{
			"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500, "message": "etcd is on fire",
		})
	case r.URL.Path == "/version":
		reply(200, map[string]any{"gitVersion": "v1.37.2"})
	case r.URL.Path == "/api/v1/nodes":
		reply(200, &corev1.NodeList{TypeMeta: metav1.TypeMeta{Kind: "NodeList", APIVersion: "v1"}, Items: a.nodes})
	case r.Method == http.MethodGet && r.URL.Path == "/api/v1/namespaces":
		selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
		if err != nil {
			reply(400, err.Error())
			return
		}
		list := &corev1.NamespaceList{TypeMeta: metav1.TypeMeta{Kind: "NamespaceList", APIVersion: "v1"}}
		for name, l := range a.namespaces {
			if selector.Matches(labels.Set(l)) {
				list.Items = append(list.Items, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: l}})
			}
		}
		reply(200, list)
	case r.Method == http.MethodPost && r.URL.Path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		var review authorizationv1.SelfSubjectAccessReview
		if err := decode(r, &review); err != nil {
			reply(400, err.Error())
			return
		}
		at := review.Spec.ResourceAttributes
		right := strings.TrimSuffix(at.Verb+" "+at.Group+"/"+at.Resource+"/"+at.Subresource, "/") + at.Namespace
		a.reviewed = append(a.reviewed, right)
		reply(201, map[string]any{
			"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
			"status": map[string]any{"allowed": !a.denied[right]},
		})
	case strings.HasPrefix(r.URL.Path, leasesPath):
		code, answer := a.lease(r)
		reply(code, answer)
	case r.Method == http.MethodPost && r.URL.Path == "/api/v1/namespaces":
		var made corev1.Namespace
		if err := decode(r, &made); err != nil || a.namespaces[made.Name] != nil {
			reply(409, status(409, metav1.StatusReasonAlreadyExists))
			return
		}
		if a.namespaces == nil {
			a.namespaces = map[string]map[string]string{}
		}
		a.namespaces[made.Name] = made.Labels
		reply(201, &made)
	case isNamespace && r.Method == http.MethodGet && a.namespaces[ns] != nil:
		reply(200, &corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{Kind: "Namespace", APIVersion: "v1"},
			ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: a.namespaces[ns]},
		})
	case isNamespace && r.Method == http.MethodDelete && strings.HasSuffix(ns, "/pods"):
		reply(200, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	case isNamespace && r.Method == http.MethodDelete && a.namespaces[ns] != nil:
		delete(a.namespaces, ns)
		reply(200, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	default:
		notFound()
	}
}

// serve starts the API server, and returns where it is.
func (a *api) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return s.URL
}

// kubeconfig is a file with the contexts prod and test, of two servers and users. prod's CA and test's program
// are files beside it.
func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config")
	all := clientcmdapi.NewConfig()
	all.CurrentContext = "prod"
	all.Clusters["prod"] = &clientcmdapi.Cluster{Server: "https://prod.example.com", CertificateAuthority: "ca.crt"}
	all.Clusters["test"] = &clientcmdapi.Cluster{Server: server}
	all.AuthInfos["root"] = &clientcmdapi.AuthInfo{Token: "of root"}
	all.AuthInfos["jane"] = &clientcmdapi.AuthInfo{Token: "of jane"}
	all.AuthInfos["program"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "/bin/get-a-token",
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}}
	all.AuthInfos["provider"] = &clientcmdapi.AuthInfo{AuthProvider: &clientcmdapi.AuthProviderConfig{Name: "oidc"}}
	for name, c := range map[string][2]string{
		"prod": {"prod", "root"}, "test": {"test", "jane"}, "program": {"test", "program"},
		"provider":   {"test", "provider"},
		"no-cluster": {"gone", "jane"}, "no-user": {"test", "gone"},
	} {
		all.Contexts[name] = &clientcmdapi.Context{Cluster: c[0], AuthInfo: c[1]}
	}
	if err := clientcmd.WriteToFile(*all, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// Nothing is done to a cluster that was not named and confirmed, and what is missing is said in words that can
// be acted on.
func TestAClusterHasToBeNamedAndConfirmed(t *testing.T) {
	file := kubeconfig(t, "https://test.example.com")
	for _, tc := range []struct {
		name   string
		access Access
		want   []string
	}{
		{
			"no file", Access{Kubeconfig: file + "-not-there", Context: "test", Confirmed: true},
			[]string{file + "-not-there"},
		},
		{"no context", Access{Kubeconfig: file, Confirmed: true}, []string{"--context",
			"no-cluster, no-user, prod, program, provider, test"}},
		{"unknown context", Access{Kubeconfig: file, Context: "tset", Confirmed: true}, []string{
			`no context "tset"`, "prod, program",
		}},
		{"no such cluster", Access{Kubeconfig: file, Context: "no-cluster", Confirmed: true}, []string{`"gone"`}},
		{"no such user", Access{Kubeconfig: file, Context: "no-user", Confirmed: true}, []string{"gone"}},
		{"program", Access{Kubeconfig: file, Context: "program", Confirmed: true}, []string{
			"/bin/get-a-token", "--allow-exec-plugins",
		}},
		{"provider", Access{Kubeconfig: file, Context: "provider", Confirmed: true}, []string{"an auth provider",
			"--allow-exec-plugins"}},
		{
			"not confirmed", Access{Kubeconfig: file, Context: "test"},
			[]string{"https://test.example.com", "context test", "user jane", "canarylab.io/cluster=existing", "--yes"},
		},
		{"program, not confirmed", Access{Kubeconfig: file, Context: "program", ExecPlugins: true}, []string{"--yes"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &Provider{Home: t.TempDir(), Access: tc.access}
			err := p.Check(t.Context())
			if !errors.Is(err, cluster.ErrUsage) {
				t.Fatalf("got %v, want it to wrap ErrUsage", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
			for what, got := range map[string]error{
				"Up":   second(p.Up(t.Context(), "", cluster.Options{})),
				"Open": second(p.Open(t.Context(), "")), "Down": p.Down(t.Context(), "", false),
			} {
				if !errors.Is(got, cluster.ErrUsage) {
					t.Errorf("%s: got %v, want the same", what, got)
				}
			}
			if left, err := os.ReadDir(p.Home); err != nil || len(left) > 0 {
				t.Errorf("got %v (%v) in the home, want nothing made of it", left, err)
			}
		})
	}
	for _, context := range []string{"test", "program", "provider"} {
		p := &Provider{Access: Access{Kubeconfig: file, Context: context, Confirmed: true, ExecPlugins: true}}
		if err := p.Check(t.Context()); err != nil {
			t.Errorf("%s, all allowed: got %v, want none", context, err)
		}
	}
}

// Compilers are needed where the lab makes the images, and only there.
func TestImagesAreNeededWhereTheyArePushed(t *testing.T) {
	for _, tc := range []struct {
		access Access
		want   bool
	}{
		{Access{}, false},
		{Access{Repository: "registry.example.com/team"}, true},
		{Access{Repository: "registry.example.com/team", Tag: "1a2b"}, false},
	} {
		traits := (&Provider{Access: tc.access}).Traits()
		if traits.NeedsImages != tc.want || !traits.Borrowed || traits.Labels[label] != labelValue {
			t.Errorf("%+v: got %+v, want it borrowed, and images needed: %t", tc.access, traits, tc.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestTheKubeconfigIsWhereKubectlLooks(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	t.Setenv("KUBECONFIG", empty)
	p := &Provider{Access: Access{Context: "test", Confirmed: true}}
	if err := p.Check(t.Context()); !errors.Is(err, cluster.ErrUsage) ||
		!strings.Contains(err.Error(), "none ("+empty+")") {
		t.Errorf("got %v, want an error that says where it looked", err)
	}
	t.Setenv("KUBECONFIG", empty+string(os.PathListSeparator)+kubeconfig(t, "https://test.example.com"))
	if err := p.Check(t.Context()); err != nil {
		t.Errorf("got %v, want the context found in the second file", err)
	}
}

func TestTheCopyOfTheKubeconfigHasTheContextAlone(t *testing.T) {
	file := kubeconfig(t, "https://test.example.com")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for context, want := range map[string]string{"test": "of jane", "prod": "of root"} {
		p := &Provider{Access: Access{Kubeconfig: file, Context: context, Confirmed: true}}
		one, err := p.load()
		if err != nil {
			t.Fatal(err)
		}
		if len(one.Contexts) != 1 || len(one.Clusters) != 1 || len(one.AuthInfos) != 1 ||
			one.CurrentContext != context {
			t.Errorf("%s: got %d contexts, %d clusters, %d users, current %s; want one of each", context,
				len(one.Contexts), len(one.Clusters), len(one.AuthInfos), one.CurrentContext)
		}
		raw, err := clientcmd.Write(*one)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(raw), want) || strings.Count(string(raw), "token:") != 1 {
			t.Errorf("%s: got\n%s\nwant no secrets but those of the context", context, raw)
		}
		if context != "prod" {
			continue
		}
		// The file that it names is beside the user's kubeconfig, and not beside the copy.
		if c := one.Clusters["prod"]; string(c.CertificateAuthorityData) != "a certificate" ||
			c.CertificateAuthority != "" {
			t.Errorf("got CA %q, file %q; want its content", c.CertificateAuthorityData, c.CertificateAuthority)
		}
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("got the user's kubeconfig changed (%v), want it as it was", err)
	}
}

func TestEachContextHasAFolder(t *testing.T) {
	home := t.TempDir()
	seen := map[string]string{}
	for _, context := range []string{
		"prod", "PROD", "arn:aws:eks:eu-central-1:1:cluster/prod", "arn/aws/eks/eu-central-1/1/cluster:prod",
		"user@prod",
		"user-prod", "user prod", "..", "../prod", "/", ".",
	} {
		p := &Provider{Home: home, Access: Access{Context: context}}
		dir := p.dir("https://one")
		if dir == p.dir("https://other") {
			t.Errorf("got %s for the context %q of two servers, want two", dir, context)
		}
		if other, taken := seen[dir]; taken {
			t.Errorf("got %s for %q and %q, want two", dir, context, other)
		}
		seen[dir] = context
		if filepath.Dir(dir) != filepath.Join(home, "existing") {
			t.Errorf("%q: got %s, want it right below %s", context, dir, home)
		}
	}
}

// use is a cluster that is named and confirmed, with the API server a.
func use(t *testing.T, a *api, more Access) *Provider {
	t.Helper()
	more.Kubeconfig, more.Context, more.Confirmed = kubeconfig(t, a.serve(t)), "test", true
	return &Provider{Home: t.TempDir(), Access: more}
}

// A registry that the user is logged into is none of the tests' business.
func noDocker(t *testing.T) {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
}

func opened(t *testing.T, p *Provider) *Cluster {
	t.Helper()
	c, err := p.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpenRemembersTheCluster(t *testing.T) {
	p := use(t, &api{}, Access{})
	if infos, err := p.List(t.Context()); err != nil || len(infos) > 0 {
		t.Errorf("got %v (%v) before any was used, want none", infos, err)
	}
	c, err := p.Up(t.Context(), "a name", cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != "test" || c.Provider() != "existing" || !c.Reused() {
		t.Errorf("got %s %s, reused %v; want the context as its name, and that it was there before", c.Provider(),
			c.Name(), c.Reused())
	}
	if info, err := os.Stat(c.Kubeconfig()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v (%v), want a file that nobody else may read", info, err)
	}
	config, err := clientcmd.LoadFromFile(c.Kubeconfig())
	if err != nil || config.CurrentContext != "test" || config.Clusters["test"].Server != c.Config().Host ||
		config.AuthInfos["jane"].Token != "of jane" {
		t.Errorf("got %+v (%v), want one that leads to the same API server", config, err)
	}
	infos, err := p.List(t.Context())
	if err != nil || len(infos) != 1 {
		t.Fatalf("got %v (%v), want one", infos, err)
	}
	got := infos[0]
	if got.Name != "test" || got.Provider != "existing" || got.Kubeconfig != c.Kubeconfig() ||
		!strings.Contains(got.Detail, c.Config().Host) || !strings.Contains(got.Detail, "--context test --yes") {
		t.Errorf("got %+v, want what was used, and how to clean it up", got)
	}
}

func TestOpenSaysThatNobodyAnswers(t *testing.T) {
	p := use(t, &api{broken: true}, Access{})
	_, err := p.Open(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "the API server of context test") ||
		errors.Is(err, cluster.ErrUsage) {
		t.Errorf("got %v, want an error about the API server", err)
	}
	if found, err := filepath.Glob(filepath.Join(p.Home, "existing", "*")); err != nil || len(found) > 0 {
		t.Errorf("got %q (%v), want nothing remembered of a cluster that was not used", found, err)
	}
}

func TestDownDeletesNothingButTheLabs(t *testing.T) {
	a := &api{namespaces: map[string]map[string]string{
		"label-mismatch":   {label: labelValue, "app.kubernetes.io/managed-by": "canarylab", ownerLabel: "jane"},
		"weighted":         {label: labelValue, ownerLabel: "jane"},
		"joes":             {label: labelValue, ownerLabel: "joe"},
		"nobodys":          {label: labelValue},
		"canarylab-system": {label: labelValue},
		"somebody-elses":   {"app.kubernetes.io/managed-by": "canarylab"},
		"almost":           {label: "embedded"},
		"kube-system":      nil,
		"without-a-label":  {},
	}}
	p := use(t, a, Access{Owner: "jane"})
	c := opened(t, p)
	if err := p.Down(t.Context(), "a name", false); err != nil {
		t.Fatal(err)
	}
	var left []string
	for ns := range a.namespaces {
		left = append(left, ns)
	}
	slices.Sort(left)
	// What all share stays as long as others have something there.
	const others = "almost canarylab-system joes kube-system nobodys somebody-elses without-a-label"
	if want := others; strings.Join(left, " ") != want {
		t.Errorf("got %q left, want %q", left, want)
	}
	for _, call := range a.asked {
		path, deletes := strings.CutPrefix(call, "DELETE /api/v1/namespaces/")
		if ns, _, _ := strings.Cut(path, "/"); deletes && ns != "label-mismatch" && ns != "weighted" {
			t.Errorf("got %s, want nothing asked for in namespaces that are not the lab's", call)
		}
	}
	if _, err := os.Stat(c.Kubeconfig()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got the kubeconfig left (%v), want it gone", err)
	}
	if infos, err := p.List(t.Context()); err != nil || len(infos) > 0 {
		t.Errorf("got %v (%v), want nothing remembered", infos, err)
	}
	if err := p.Down(t.Context(), "", false); err != nil {
		t.Errorf("once more: got %v, want nothing to do", err)
	}
	found, err := p.Tenants(t.Context())
	if err != nil || len(found) != 2 || found[0].Owner != "joe" || found[1].Owner != "" {
		t.Errorf("got %v (%v), want joe's namespace and the one that is nobody's", found, err)
	}
	p.Access.All = true
	if err := p.Down(t.Context(), "", false); err != nil || a.namespaces["joes"] != nil ||
		a.namespaces["nobodys"] != nil || a.namespaces["canarylab-system"] != nil || a.namespaces["almost"] == nil {
		t.Errorf("with all: got %v (%v) left, want nothing of the lab's", a.namespaces, err)
	}
}

func TestDownCantKeepState(t *testing.T) {
	a := &api{namespaces: map[string]map[string]string{"label-mismatch": {label: labelValue}}}
	p := use(t, a, Access{})
	if err := p.Down(t.Context(), "", true); !errors.Is(err, cluster.ErrUsage) ||
		!strings.Contains(err.Error(), "--keep-state") {
		t.Errorf("got %v, want an error about the flag", err)
	}
	if len(a.asked) > 0 || len(a.namespaces) != 1 {
		t.Errorf("got %q asked, want nothing done", a.asked)
	}
}

func TestReference(t *testing.T) {
	for _, tc := range []struct{ repository, tag, image, want string }{
		{"", "", "canarylab/loadgen:dev", "canarylab/loadgen:dev"},
		{"", "1", "canarylab/loadgen:dev", "canarylab/loadgen:dev"},
		{"r.example.com/team", "1a2b", "canarylab/loadgen:dev", "r.example.com/team/loadgen:1a2b"},
		{"r.example.com/team/", "1a2b", "canarylab/loadgen:dev", "r.example.com/team/loadgen:1a2b"},
		{"localhost:5000", "1a2b", "canarylab/pilot:dev", "localhost:5000/pilot:1a2b"},
		// What is not the lab's stays what it is.
		{"r.example.com/team", "1a2b", "docker.io/istio/proxyv2:1.31.0", "docker.io/istio/proxyv2:1.31.0"},
		{"r.example.com/team", "1a2b", "example.com/canarylab/loadgen:dev", "example.com/canarylab/loadgen:dev"},
		{"r.example.com/team", "1a2b", "canarylabs/loadgen:dev", "canarylabs/loadgen:dev"},
		{"r.example.com/team", "1a2b", "nginx:1", "nginx:1"},
		{"r.example.com/team", "1a2b", "auto", "auto"},
	} {
		c := &Cluster{provider: &Provider{Access: Access{Repository: tc.repository, Tag: tc.tag}}, tag: tc.tag}
		if got := c.Reference(tc.image); got != tc.want {
			t.Errorf("%q in %q: got %s, want %s", tc.image, tc.repository, got, tc.want)
		}
	}
}

// A counted is a registry in memory that counts what is written to it.
type counted struct {
	http.Handler
	mu     sync.Mutex
	asked  int
	blobs  int
	refuse bool
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked++
	if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/blobs/uploads") {
		c.blobs++
	}
	refuse := c.refuse
	c.mu.Unlock()
	if refuse {
		http.Error(w, `{"errors":[{"code":"DENIED","message":"log in first"}]}`, http.StatusForbidden)
		return
	}
	c.Handler.ServeHTTP(w, r)
}

// newRegistry returns a registry and the repository below which the lab's images go.
func newRegistry(t *testing.T) (*counted, string) {
	t.Helper()
	noDocker(t)
	r := &counted{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return r, strings.TrimPrefix(s.URL, "http://") + "/team"
}

func someImages(t *testing.T, refs ...string) map[string]v1.Image {
	t.Helper()
	set := map[string]v1.Image{}
	for _, ref := range refs {
		image, err := random.Image(64, 2)
		if err != nil {
			t.Fatal(err)
		}
		set[ref] = image
	}
	return set
}

func TestImagesArePushedUnderTheirDigest(t *testing.T) {
	r, repository := newRegistry(t)
	c := &Cluster{provider: &Provider{Access: Access{Repository: repository}}}
	set := someImages(t, images.LoadGen, images.SampleApp, images.AccessLog, images.Pause)
	if err := c.LoadImages(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	tag, err := images.Digest(set)
	if err != nil {
		t.Fatal(err)
	}
	for ref, image := range set {
		at := c.Reference(ref)
		if !strings.HasPrefix(at, repository+"/") || !strings.HasSuffix(at, ":"+tag) {
			t.Errorf("%s: got %s, want it in %s under %s", ref, at, repository, tag)
		}
		parsed, err := name.ParseReference(at)
		if err != nil {
			t.Fatal(err)
		}
		there, err := remote.Image(parsed)
		if err != nil {
			t.Fatalf("got %v, want %s there", err, at)
		}
		got, _ := there.Digest()
		if want, _ := image.Digest(); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
	if about := strings.Join(c.aboutImages(), " "); !strings.Contains(about, repository) ||
		!strings.Contains(about, tag) {
		t.Errorf("got %q, want where they come from", about)
	}
	// The same again costs no upload, and has the same name; other images have another.
	uploads := r.blobs
	again := &Cluster{provider: c.provider}
	if err := again.LoadImages(t.Context(), set); err != nil || again.tag != tag || r.blobs > uploads {
		t.Errorf("got tag %s and %d uploads (%v), want %s and none", again.tag, r.blobs-uploads, err, tag)
	}
	other := &Cluster{provider: c.provider}
	if err := other.LoadImages(t.Context(), someImages(t, images.LoadGen)); err != nil || other.tag == tag {
		t.Errorf("got tag %s (%v) for other images, want another", other.tag, err)
	}
}

// What a scenario needs beside the lab's usual images is pushed later, and those stay where they are.
func TestFurtherImagesHaveATagOfTheirOwn(t *testing.T) {
	_, repository := newRegistry(t)
	c := &Cluster{provider: &Provider{Access: Access{Repository: repository}}}
	usual, further := someImages(t, images.LoadGen, images.SampleApp), someImages(t, images.Prometheus)
	if err := errors.Join(c.LoadImages(t.Context(), usual), c.LoadImages(t.Context(), further)); err != nil {
		t.Fatal(err)
	}
	for _, set := range []map[string]v1.Image{usual, further} {
		tag, err := images.Digest(set)
		if err != nil {
			t.Fatal(err)
		}
		for ref := range set {
			at, err := name.ParseReference(c.Reference(ref))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := remote.Head(at); err != nil || at.Identifier() != tag {
				t.Errorf("%s: got %s (%v), want it there under %s", ref, at, err, tag)
			}
		}
		if about := strings.Join(c.aboutImages(), " "); !strings.Contains(about, tag) {
			t.Errorf("got %q, want tag %s named", about, tag)
		}
	}
}

// aboutImages is About without what it says of the API server.
func (c *Cluster) aboutImages() []string {
	c.config = &rest.Config{}
	return c.About()[1:]
}

func TestImagesAreNotPushedWhereThereIsNoNeed(t *testing.T) {
	r, repository := newRegistry(t)
	set := someImages(t, images.LoadGen)
	for what, access := range map[string]Access{"no repository": {}, "a tag": {Repository: repository, Tag: "1a2b"}} {
		c := &Cluster{provider: &Provider{Access: access}, tag: access.Tag}
		if err := c.LoadImages(t.Context(), set); err != nil || r.asked > 0 || c.tag != access.Tag {
			t.Errorf("%s: got tag %q, %d requests (%v); want none", what, c.tag, r.asked, err)
		}
	}
	c := &Cluster{provider: &Provider{Access: Access{Repository: repository}}}
	if err := c.LoadImages(t.Context(), nil); err != nil || r.asked > 0 || c.tag != "" {
		t.Errorf("no images: got tag %q, %d requests (%v); want none", c.tag, r.asked, err)
	}
}

func TestImagesThatCantBePushed(t *testing.T) {
	r, repository := newRegistry(t)
	r.refuse = true
	set := someImages(t, images.LoadGen)
	c := &Cluster{provider: &Provider{Access: Access{Repository: repository}}}
	if err := c.LoadImages(t.Context(), set); err == nil ||
		!strings.Contains(err.Error(), "push "+repository+"/loadgen:") ||
		!strings.Contains(err.Error(), "log in first") {
		t.Errorf("got %v, want what was pushed where, and what the registry said", err)
	}
	c = &Cluster{provider: &Provider{Access: Access{Repository: "Not A Repository"}}}
	if err := c.LoadImages(t.Context(), set); err == nil ||
		!strings.Contains(err.Error(), "--image-repository Not A Repository") {
		t.Errorf("got %v, want an error about the flag", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c = &Cluster{provider: &Provider{Access: Access{Repository: repository}}}
	if err := c.LoadImages(ended, set); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
}
