package page

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// guard lets requests in that come from a page of this Server, or from whoever was given its address. Every page of
// the web can send requests to 127.0.0.1, and a name that is made to point there (DNS rebinding) can read the answers:
// the first does not know the token, and the second has another Host.
func (s *Server) guard(next http.Handler) http.Handler {
	next = http.StripPrefix(strings.TrimSuffix(s.root, "/"), next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the token is in the address
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !s.hosts[r.Host]:
			http.Error(w, "this page is served to this machine alone, under the address that canarylab printed",
				http.StatusMisdirectedRequest)
		case !s.own(r):
			http.Error(w, "another page asked for this", http.StatusForbidden)
		case !hasToken(r.URL.Path, s.root):
			http.Error(w, "there is nothing here: the address that canarylab printed has a token", http.StatusNotFound)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// own tells whether a request comes from a page of this Server, or from no page. Browsers say so in Sec-Fetch-Site,
// and in Origin where something is sent.
func (s *Server) own(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" || !s.hosts[u.Host] {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	case "same-site", "cross-site":
		// A link from elsewhere may open the page, and nothing else.
		return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return false
}

// hasToken tells whether a path begins with root, in a time that does not tell where it differs.
func hasToken(path, root string) bool {
	return len(path) >= len(root) && strings.HasPrefix(path, "/") &&
		subtle.ConstantTimeCompare([]byte(path[:len(root)]), []byte(root)) == 1
}
