package embedded

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// validity outlives every lab: a cluster whose state is kept for years must still start.
const validity = 10 * 365 * 24 * time.Hour

// An authority signs a cluster's certificates. Each cluster has its own, made with it and deleted with it.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
}

// A leaf is a certificate to be signed: who it names, and the hosts that it serves, if any.
type leaf struct {
	file   string // ends in .crt and .key in the authority's folder
	user   string // Kubernetes' user name
	groups []string
	hosts  []string // DNS names and addresses; a certificate without any is for clients only
}

// newAuthority makes a CA in dir.
func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the cluster's CA key: %w", err)
	}
	// client-go's helper gives a CA ten years too.
	ca, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "canarylab"}, key)
	if err != nil {
		return nil, fmt.Errorf("make the cluster's CA certificate: %w", err)
	}
	a := &authority{dir: dir, cert: ca, key: key}
	return a, a.write("ca", ca.Raw, key)
}

// issue signs l and writes its files.
func (a *authority) issue(l leaf) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of %s: %w", l.file, err)
	}
	template := &x509.Certificate{ // CreateCertificate makes the serial number
		Subject:     pkix.Name{CommonName: l.user, Organization: l.groups},
		NotBefore:   a.cert.NotBefore,
		NotAfter:    time.Now().Add(validity),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, h := range l.hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if len(l.hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("sign the certificate of %s: %w", l.file, err)
	}
	return a.write(l.file, der, key)
}

// write stores a certificate and its key, readable by root alone.
func (a *authority) write(name string, der []byte, key *ecdsa.PrivateKey) error {
	return writePair(filepath.Join(a.dir, name), ".crt", &pem.Block{Type: cert.CertificateBlockType, Bytes: der}, key)
}

// writePair stores a key in path.key, and what is public of it in path and ext.
func writePair(path, ext string, public *pem.Block, key *ecdsa.PrivateKey) error {
	private, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return fmt.Errorf("encode the key %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path+ext, pem.EncodeToMemory(public), 0o600); err != nil {
		return err
	}
	return os.WriteFile(path+".key", private, 0o600)
}

// newSigningKey writes the key pair that service account tokens are signed with.
func newSigningKey(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the service account key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the service account public key: %w", err)
	}
	return writePair(filepath.Join(dir, "sa"), ".pub", &pem.Block{Type: keyutil.PublicKeyBlockType, Bytes: der}, key)
}

// writeCredentials makes every certificate, key and kubeconfig of a new cluster.
func (l layout) writeCredentials(hostname string) error {
	if err := os.MkdirAll(l.path("pki"), 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(l.path("pki"))
	if err != nil {
		return err
	}
	apiHosts := []string{
		"127.0.0.1", "localhost", nodeIP, apiService, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	}
	leaves := []leaf{
		{file: "apiserver", user: "kube-apiserver", hosts: apiHosts},
		{file: "etcd", user: "etcd", hosts: []string{"127.0.0.1"}},
		{file: "etcd-client", user: "kube-apiserver"},
		// The API server asks kubelet for logs and exec, and may do anything there.
		{file: "apiserver-kubelet", user: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}},
		{
			file: "kubelet", user: "system:node:" + hostname, groups: []string{"system:nodes"},
			hosts: []string{hostname, nodeIP, "127.0.0.1"},
		},
		{file: "admin", user: "canarylab-admin", groups: []string{"system:masters"}},
		// These have roles of their own in every cluster. But the API server makes those roles a second after it
		// serves, and whoever is refused until then backs off for more seconds. All run as root beside the CA's key, so
		// there is nothing to protect from them.
		{file: "controller-manager", user: "system:kube-controller-manager", groups: []string{"system:masters"}},
		{file: "scheduler", user: "system:kube-scheduler", groups: []string{"system:masters"}},
		{file: "kube-proxy", user: "system:kube-proxy", groups: []string{"system:masters"}},
		{file: "coredns", user: "system:coredns", groups: []string{"system:masters"}},
		{file: "front-proxy", user: "front-proxy-client"},
	}
	for _, leaf := range leaves {
		if err := ca.issue(leaf); err != nil {
			return err
		}
	}
	return newSigningKey(l.path("pki"))
}

// writeKubeconfigs points each user's kubeconfig at the API server: the node's own at its address in the node, the
// admin's at the port on the host's loopback.
func (l layout) writeKubeconfigs(cluster string, hostPort int) error {
	inside := "https://127.0.0.1:" + apiPort
	for _, user := range []string{"kubelet", "controller-manager", "scheduler", "kube-proxy", "coredns"} {
		if err := l.writeKubeconfig(l.path("pki", user+".kubeconfig"), cluster, inside, user); err != nil {
			return err
		}
	}
	return l.writeKubeconfig(l.kubeconfig(), "canarylab-"+cluster, "https://127.0.0.1:"+strconv.Itoa(hostPort), "admin")
}

func (l layout) writeKubeconfig(file, name, server, user string) error {
	var data [3][]byte
	for i, f := range []string{"ca.crt", user + ".crt", user + ".key"} {
		raw, err := os.ReadFile(l.pki(f))
		if err != nil {
			return err
		}
		data[i] = raw
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: data[0]}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: data[1], ClientKeyData: data[2]}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	// WriteToFile makes the file 0600.
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
