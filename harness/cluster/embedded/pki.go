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
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

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
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return fmt.Errorf("make the serial number of %s: %w", l.file, err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: l.user, Organization: l.groups},
		NotBefore:    a.cert.NotBefore,
		NotAfter:     time.Now().Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
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
	pemKey, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return fmt.Errorf("encode the key of %s: %w", name, err)
	}
	pemCert := pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der})
	if err := os.WriteFile(filepath.Join(a.dir, name+".crt"), pemCert, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.dir, name+".key"), pemKey, 0o600)
}

// newSigningKey writes the key pair that service account tokens are signed with.
func newSigningKey(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the service account key: %w", err)
	}
	private, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return fmt.Errorf("encode the service account key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the service account public key: %w", err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: keyutil.PublicKeyBlockType, Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "sa.key"), private, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "sa.pub"), public, 0o600)
}
