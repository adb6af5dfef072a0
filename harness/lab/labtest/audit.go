package labtest

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/canarylab/canarylab/harness/lab"
)

// An Audit is a proxy in front of an API server that notes what its users do with what. It adds no rights: each user
// has its own credentials.
type Audit struct {
	// url is where it is, and ca the certificate of its authority: nobody sends a token without TLS.
	url string
	ca  []byte

	mu   sync.Mutex
	used map[string]bool
}

// NewAudit starts an Audit before the API server of a lab. It ends with the test.
func NewAudit(t testing.TB, l *lab.Lab) *Audit {
	t.Helper()
	of := l.Cluster().Config()
	server, err := url.Parse(of.Host)
	if err != nil {
		t.Fatal(err)
	}
	// HTTP/2 knows no upgrade, by which exec and port-forward go.
	transport, err := rest.TransportFor(&rest.Config{Host: of.Host, TLSClientConfig: rest.TLSClientConfig{
		CAData: of.CAData, CAFile: of.CAFile, NextProtos: []string{"http/1.1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a := &Audit{used: map[string]bool{}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(server) }, Transport: transport, FlushInterval: -1,
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.note(r)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	a.url = s.URL
	a.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return a
}

// Used returns what was done, each once: "patch deployments.apps in shop", with "the cluster" for what is in no
// namespace.
func (a *Audit) Used() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []string
	for use := range a.used {
		all = append(all, use)
	}
	slices.Sort(all)
	return all
}

func (a *Audit) note(r *http.Request) {
	use := useOf(r)
	if use == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used[use] = true
}

// useOf says what a request does, as RBAC sees it (k8s.io/apiserver, pkg/endpoints/request); empty for what everybody
// may, such as to ask which kinds there are.
func useOf(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	group := ""
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		group, parts = parts[1], parts[3:]
	default:
		return ""
	}
	in := "the cluster"
	switch {
	case parts[0] == "namespaces" && len(parts) > 2:
		in, parts = parts[1], parts[2:]
	case parts[0] == "namespaces" && len(parts) == 2:
		in = parts[1] // a namespace is in itself
	}
	resource, named := parts[0], len(parts) > 1
	if len(parts) > 2 {
		resource += "/" + parts[2]
	}
	verb := map[string]string{
		http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[r.Method]
	switch {
	case verb == "" && r.URL.Query().Get("watch") != "" && r.URL.Query().Get("watch") != "false":
		verb = "watch"
	case verb == "" && named:
		verb = "get"
	case verb == "":
		verb = "list"
	case verb == "delete" && !named:
		verb = "deletecollection"
	}
	return verb + " " + strings.TrimSuffix(resource+"."+group, ".") + " in " + in
}
