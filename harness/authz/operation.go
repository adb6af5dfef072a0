package authz

import (
	"net/http"
	"slices"
	"strings"
)

// operations are requests that do what a rule's operations and conditions ask for, without who sends them.
func (r Rule) operations() []Probe {
	header := map[string]string{}
	for _, c := range r.rule.When {
		if name, ok := strings.CutPrefix(c.Key, "request.headers["); ok && len(c.Values) > 0 {
			header[strings.TrimSuffix(name, "]")] = textOf(c.Values[0])
		}
	}
	if len(header) == 0 {
		header = nil
	}
	plain := Probe{Method: http.MethodGet, Path: "/", Header: header}
	if len(r.rule.To) == 0 {
		return []Probe{plain}
	}
	var all []Probe
	for _, to := range r.rule.To {
		o := to.GetOperation()
		probe := plain
		if len(o.GetMethods()) > 0 {
			probe.Method = methodOf(o.GetMethods()[0])
		} else if slices.Contains(o.GetNotMethods(), probe.Method) {
			probe.Method = http.MethodPost
		}
		paths := o.GetPaths()
		if len(paths) == 0 {
			paths = []string{"/", "/" + filler}
		}
		for _, path := range paths[:min(len(paths), maxNamed)] {
			probe.Path = pathOf(path)
			all = append(all, probe)
		}
	}
	return all
}

// excepted are paths and methods that operations of a rule except.
func (r Rule) excepted() (paths, methods []string) {
	for _, to := range r.rule.To {
		for _, v := range to.GetOperation().GetNotPaths() {
			paths = append(paths, pathOf(v))
		}
		for _, v := range to.GetOperation().GetNotMethods() {
			methods = append(methods, methodOf(v))
		}
	}
	return paths, methods
}

// methodOf is a method that a value matches: proxies take no other than those that there are.
func methodOf(value string) string {
	for _, method := range []string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
		http.MethodHead,
	} {
		if matches(value, method) {
			return method
		}
	}
	return value
}

// textOf is a text that a value of a policy matches.
func textOf(value string) string {
	switch {
	case value == "*":
		return filler
	case strings.HasPrefix(value, "*"):
		return filler + value[1:]
	case strings.HasSuffix(value, "*"):
		return strings.TrimSuffix(value, "*") + filler
	}
	return value
}

// pathOf is a path that a value matches, which may be a template.
func pathOf(value string) string {
	path := strings.NewReplacer("{**}", filler, "{*}", filler).Replace(value)
	if path = textOf(path); !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path
}
