package mesh

import (
	"regexp"
	"testing"
)

// A host belongs to a namespace by its name's part between dots, and not by its end alone.
func TestNamespacesHave(t *testing.T) {
	n := namespaces{"shop", "edge-1"}
	for name, want := range map[string]bool{
		"reviews.shop.svc.cluster.local:80": true, "a.edge-1.svc.cluster.local:8080": true,
		"a.myshop.svc.cluster.local:80": false, "a.other.svc.cluster.local:80": false, "shop.example.com:80": false,
	} {
		if got := n.haveVirtualHost(name); got != want {
			t.Errorf("virtual host %s: got %v, want %v", name, got, want)
		}
	}
	pattern := regexp.MustCompile(`^outbound\|.*\.(?:` + n.pattern() + `)` + regexp.QuoteMeta(".svc."+domain) + `$`)
	for name, want := range map[string]bool{
		"outbound|80|v2|reviews.shop.svc.cluster.local": true, "outbound|80||a.edge-1.svc.cluster.local": true,
		"outbound|80||a.myshop.svc.cluster.local": false, "inbound|80||": false,
	} {
		if got := n.haveCluster(name); got != want || pattern.MatchString(name) != want {
			t.Errorf("cluster %s: got %v, and %v by the pattern, want %v", name, got, pattern.MatchString(name), want)
		}
	}
}
