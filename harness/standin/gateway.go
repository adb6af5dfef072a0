package standin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/harness/mesh"
)

// The labels that the pods of the lab's ingress gateway have, as addons' gateway.yaml names them. The lab finds them by
// the first one, so that only the second one can be another: istioLabel.
var ofGateway = map[string]string{"app": addons.Gateway, istioLabel: "ingressgateway"}

const istioLabel = "istio"

// gateways reads the Gateways, finds out which the lab's own can be, and makes the certificates that they name.
func (b *builder) gateways() {
	// Those that select the gateway as it is come first. It can be another one where there are none.
	all := slices.DeleteFunc(b.of(routing, "Gateway"), Object.kube)
	b.plan.GatewayNamespace = b.gatewayNamespace()
	claimed := false
	for _, usual := range []bool{true, false} {
		for _, o := range all {
			selector := texts(o.Object, "spec", "selector")
			_, names := selector[istioLabel]
			if (names && selector[istioLabel] == ofGateway[istioLabel]) == usual && b.meet(selector, claimed) {
				claimed = claimed || names
			}
		}
	}
	hosts := map[string][]string{} // of each credentialName
	sources := map[string]Source{}
	for _, o := range all {
		g := Gateway{
			Namespace: o.GetNamespace(), Name: o.GetName(), Source: o.Source,
			Selector: texts(o.Object, "spec", "selector"),
		}
		if g.Met = matches(g.Selector, b.gatewayLabels()); !g.Met {
			b.note(o.note(Missing, "The lab's ingress gateway has the labels %s, and can't be what it selects (%s) "+
				"as well: nothing comes in through it.", labelText(b.gatewayLabels()), labelText(g.Selector)))
		}
		for i, s := range list(o.Object, "spec", "servers") {
			server := Server{
				Port: number(s, "port", "number"), Protocol: text(s, "port", "protocol"),
				TLSMode: text(s, "tls", "mode"),
			}
			tls, _ := s["tls"].(map[string]any)
			server.Redirect, _ = tls["httpsRedirect"].(bool)
			server.File = text(tls, "serverCertificate") != ""
			for _, h := range listOfTexts(s, "hosts") {
				server.Hosts = append(server.Hosts, h[strings.LastIndex(h, "/")+1:])
			}
			g.Servers = append(g.Servers, server)
			names := append(listOfTexts(tls, "credentialNames"), text(tls, "credentialName"))
			for _, name := range names {
				if name != "" {
					hosts[name] = append(hosts[name], server.Hosts...)
					if _, ok := sources[name]; !ok {
						sources[name] = o.Source
					}
				}
			}
			if server.File {
				b.note(o.note(Missing, "Its server %d reads a certificate from a file of the gateway's pod, which is "+
					"not in the lab: write a credentialName to have one made.", i+1))
			}
		}
		b.plan.Gateways = append(b.plan.Gateways, g)
	}
	ofKube, sourcesOfKube := b.kubeGateways()
	for name, of := range ofKube {
		hosts[name] = append(hosts[name], of...)
		if _, ok := sources[name]; !ok {
			sources[name] = sourcesOfKube[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		b.credential(name, hosts[name], sources[name])
	}
	b.sayMissingGateways()
	b.sayMissingParents()
}

// gatewayNamespace is where the lab's gateway is: with the first Gateway of the Gateway API, which looks for one in its
// own namespace, or else with the first one of Istio, which takes one anywhere.
func (b *builder) gatewayNamespace() string {
	ns := ""
	for _, o := range b.of(routing, "Gateway") {
		if o.kube() && text(o.Object, "spec", "gatewayClassName") == istioClass {
			return o.GetNamespace()
		}
		if ns == "" {
			ns = o.GetNamespace()
		}
	}
	return ns
}

// meet gives the lab's gateway the labels of a selector that it lacks, and tells whether it has them all. claimed tells
// that its label istio is what a Gateway selects.
func (b *builder) meet(selector map[string]string, claimed bool) bool {
	have := b.gatewayLabels()
	for k, v := range selector {
		if had, ok := have[k]; ok && had != v && (claimed || k != istioLabel) {
			return false
		}
	}
	for k, v := range selector {
		if had, ok := have[k]; !ok || had != v {
			if b.plan.GatewayLabels == nil {
				b.plan.GatewayLabels = map[string]string{}
			}
			b.plan.GatewayLabels[k] = v
		}
	}
	return true
}

func (b *builder) gatewayLabels() map[string]string {
	all := maps.Clone(ofGateway)
	maps.Copy(all, b.plan.GatewayLabels)
	return all
}

// sayMissingGateways says which VirtualServices name a Gateway that is not here.
func (b *builder) sayMissingGateways() {
	for _, o := range b.of(routing, "VirtualService") {
		for _, name := range listOfTexts(o.Object, "spec", "gateways") {
			ns, short, ok := strings.Cut(name, "/")
			if !ok {
				ns, short = o.GetNamespace(), name
			}
			if name != "mesh" && !slices.ContainsFunc(b.plan.Gateways, func(g Gateway) bool {
				return g.Namespace == ns && g.Name == short
			}) {
				b.note(o.note(Missing, "Gateway %s/%s is not here: name its manifest too, or nothing comes in by "+
					"this rule.", ns, short))
			}
		}
	}
}

// validFor is how long a certificate of the lab's is good for. A plan is played right away.
const validFor = 7 * 24 * time.Hour

// credential makes the Secret that a Gateway's credentialName names, with a self-signed certificate for its hosts.
func (b *builder) credential(name string, hosts []string, s Source) {
	ns := b.plan.GatewayNamespace
	secret := name
	if i := strings.LastIndex(name, "/"); i >= 0 { // kubernetes-gateway://namespace/name
		secret = name[i+1:]
	}
	certificate, key, err := selfSigned(hosts)
	if err != nil {
		b.add(manifest.Problem{File: s.File, Line: s.Line, Text: fmt.Sprintf("make a certificate for %s: %s",
			name, err)})
		return
	}
	o := made("v1", "Secret", ns, secret, s)
	o.SetLabels(map[string]string{mesh.ManagedBy: mesh.Manager})
	o.Object["type"] = "kubernetes.io/tls"
	encode := base64.StdEncoding.EncodeToString
	// ca.crt is for MUTUAL: a caller that has this certificate is trusted.
	o.Object["data"] = map[string]any{
		"tls.crt": encode(certificate), "tls.key": encode(key), "ca.crt": encode(certificate),
	}
	if len(b.plan.secrets) == 0 {
		b.plan.secrets = append(b.plan.secrets, secretReader(ns, s)...)
	}
	b.plan.secrets = append(b.plan.secrets, o)
	b.note(Note{Source: s, Object: "Secret " + ns + "/" + secret, Kind: Invented,
		Text: "A certificate of the lab's own stands in for what the credentialName names: no caller that checks it " +
			"trusts it."})
}

// secretReader lets the lab's gateway have Secrets of its namespace: istiod gives a certificate to no proxy whose
// service account may not list them (CredentialsController.Authorize in Istio's pilot/pkg/credentials/kube/secrets.go).
func secretReader(ns string, s Source) []Object {
	const group, name = "rbac.authorization.k8s.io", "canarylab-gateway"
	role := made(group+"/v1", "Role", ns, name, s)
	role.Object["rules"] = []any{map[string]any{
		"apiGroups": []any{""}, "resources": []any{"secrets"}, "verbs": []any{"get", "list", "watch"},
	}}
	binding := made(group+"/v1", "RoleBinding", ns, name, s)
	binding.Object["roleRef"] = map[string]any{"apiGroup": group, "kind": "Role", "name": name}
	binding.Object["subjects"] = []any{
		map[string]any{"kind": "ServiceAccount", "name": DefaultAccount, "namespace": ns},
	}
	for _, o := range []Object{role, binding} {
		o.SetLabels(map[string]string{mesh.ManagedBy: mesh.Manager})
	}
	return []Object{role, binding}
}

// selfSigned makes a certificate for hosts and its key, both as PEM.
func selfSigned(hosts []string) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(hosts)
	names := slices.DeleteFunc(slices.Compact(hosts), func(h string) bool { return h == "*" })
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "canarylab"}, DNSNames: names,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validFor), BasicConstraintsValid: true, IsCA: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), nil
}
