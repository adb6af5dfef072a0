// Package dockercerts trusts the certificate authorities of registries that Docker trusts on this machine.
package dockercerts

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// folders are where Docker, rootless Docker, and podman look for a folder that is named for the registry, with
// certificates in files *.crt (https://docs.docker.com/engine/security/certificates/, containers-certs.d(5)).
func folders(host string) []string {
	all := []string{filepath.Join("/etc/docker/certs.d", host), filepath.Join("/etc/containers/certs.d", host)}
	if config, err := os.UserConfigDir(); err == nil {
		all = append(all, filepath.Join(config, "docker/certs.d", host),
			filepath.Join(config, "containers/certs.d", host))
	}
	return all
}

// Pool has the system's authorities (SSL_CERT_FILE names others), and those that Docker has for the registry at host,
// which is a name with a port where it has one. It is nil where there are none but the system's.
func Pool(host string) (*x509.CertPool, error) {
	var pool *x509.CertPool
	for _, folder := range folders(host) {
		files, err := filepath.Glob(filepath.Join(folder, "*.crt"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read the certificates of registry %s: %w", host, err)
			}
			if pool == nil {
				if pool, err = x509.SystemCertPool(); err != nil {
					pool = x509.NewCertPool()
				}
			}
			if !pool.AppendCertsFromPEM(raw) {
				return nil, fmt.Errorf("read the certificates of registry %s: %s has no certificate in PEM", host, file)
			}
		}
	}
	return pool, nil
}

// Transport is base with the authorities of each registry that it calls.
func Transport(base *http.Transport) http.RoundTripper {
	return &transport{base: base, of: map[string]*http.Transport{}}
}

type transport struct {
	base *http.Transport

	mu sync.Mutex
	// of has the transports of registries with authorities of their own, by host.
	of map[string]*http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next, err := t.next(r.URL.Host)
	if err != nil {
		return nil, err
	}
	answer, err := next.RoundTrip(r)
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		err = fmt.Errorf("%w: put the certificate of the authority of %s into %s, as for Docker, or name it in "+
			"SSL_CERT_FILE", err, r.URL.Host, filepath.Join(folders(r.URL.Host)[0], "ca.crt"))
	}
	return answer, err
}

func (t *transport) next(host string) (*http.Transport, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.of[host]; ok {
		return known, nil
	}
	pool, err := Pool(host)
	if err != nil {
		return nil, err
	}
	t.of[host] = t.base
	if pool != nil {
		own := t.base.Clone()
		if own.TLSClientConfig == nil {
			own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		own.TLSClientConfig.RootCAs = pool
		t.of[host] = own
	}
	return t.of[host], nil
}
