package routes

import (
	"net/http"
	"strings"
)

// A variant is a request that was changed, and what was changed, in kebab case and in words.
type variant struct {
	request   Request
	name, why string
}

// meeting returns requests that meet conditions, made from a plain one: first all the plainest values, then one
// other value at a time.
func (r Request) meeting(conditions []Condition) []Request {
	build := func(other, value int) Request {
		q := r
		for i, c := range conditions {
			values := c.values()
			if len(values) == 0 {
				continue
			}
			v := values[0]
			if i == other {
				v = values[value]
			}
			q = q.set(c, v)
		}
		return q
	}
	all := []Request{build(-1, 0)}
	for i, c := range conditions {
		for v := 1; v < len(c.values()); v++ {
			all = append(all, build(i, v))
		}
	}
	return all
}

// values returns values that meet a condition, the plainest first. None means that the plain request meets it, or
// that it can't be changed: its host and its scheme.
func (c Condition) values() []string {
	if c.Not {
		// An absent header is an empty one, which may be what is excluded.
		if c.Op != Present && c.test("") {
			for _, v := range []string{filler, filler + "-2"} {
				if !c.test(v) {
					return []string{v}
				}
			}
		}
		return nil
	}
	switch c.Op {
	case Exact:
		return []string{c.Value}
	case Prefix:
		if c.Of == OfPath {
			return []string{c.Value, strings.TrimSuffix(c.Value, "/") + "/" + filler, c.Value + filler}
		}
		return []string{c.Value + filler, c.Value}
	case PathPrefix:
		return []string{c.Value, strings.TrimSuffix(c.Value, "/") + "/" + filler}
	case Regex:
		return c.samples()
	default:
		return []string{filler}
	}
}

// set returns a request with the value that a condition looks at.
func (r Request) set(c Condition, value string) Request {
	switch c.Of {
	case OfPath:
		return r.withPath(value)
	case OfMethod:
		r.Method = value
	case OfHeader:
		if c.Name == ":path" {
			r.Path = value
			return r
		}
		return r.with(c.Name, value)
	case OfQuery:
		return r.withQuery(c.Name, &value)
	}
	return r
}

// misses returns requests that are changed so that they miss a condition, and are as they were otherwise.
func (c Condition) misses(r Request) []variant {
	var all []variant
	add := func(q Request, name, why string) {
		if !c.holds(q) && strings.HasPrefix(q.Path, "/") {
			all = append(all, variant{q, name, why})
		}
	}
	label := kebabOf(c.Name)
	switch {
	case c.Not:
		v := Condition{Of: c.Of, Name: c.Name, Op: c.Op, Value: c.Value}
		for _, value := range v.values() {
			if add(r.set(c, value), "with-"+label, c.what()+" is "+value); len(all) > 0 {
				return all
			}
		}
	case c.Of == OfPath:
		path, _ := r.path()
		bare := strings.TrimSuffix(c.Value, "/")
		switch c.Op {
		case Exact:
			add(r.withPath(bare+"/"+filler), "below-path", "the path goes on: "+bare+"/"+filler)
			add(r.withPath(c.Value+"/"), "slash-behind", "the path has a slash behind it")
		case PathPrefix:
			add(r.withPath(bare+filler), "beside-path", "the path's last element goes on: "+bare+filler)
		case Prefix:
			add(r.withPath(bare), "no-slash-behind", "the path lacks the slash at its end")
		case Regex:
			add(r.withPath(path+"/"+filler), "below-path", "the path goes on: "+path+"/"+filler)
			add(r.withPath("/"+filler+path), "inside-path", "the path stands behind another: /"+filler+path)
		}
		if up := strings.ToUpper(path); up != path {
			add(r.withPath(up), "upper-path", "the path is in upper case")
		}
		add(r.withPath("/"+filler), "other-path", "another path")
		add(r.withPath("/"), "root-path", "the path is /")
	case c.Of == OfMethod:
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
			if add(r.set(c, m), strings.ToLower(m), "the method is "+m); len(all) > 0 {
				return all
			}
		}
	case c.Of == OfHeader && c.Name != ":path":
		add(r.without(c.Name), "without-"+label, c.what()+" is absent")
		v, _ := r.value(c)
		add(r.with(c.Name, filler+"-other"), "other-"+label, c.what()+" has another value")
		if c.Op == Regex {
			add(r.with(c.Name, "x"+v+"x"), "around-"+label, c.what()+" has more around what the regex matches")
		}
		if up := strings.ToUpper(v); up != v {
			add(r.with(c.Name, up), "upper-"+label, c.what()+" is in upper case")
		}
	case c.Of == OfQuery:
		add(r.withQuery(c.Name, nil), "without-"+label, c.what()+" is absent")
		other := filler + "-other"
		add(r.withQuery(c.Name, &other), "other-"+label, c.what()+" has another value")
	}
	return all
}

// what is what a condition looks at, in words.
func (c Condition) what() string {
	if c.Name == "" {
		return string(c.Of)
	}
	return string(c.Of) + " " + c.Name
}

// besides returns a request that meets a prefix of a VirtualService and looks as if it should not: /apiary for
// the prefix /api. ok is false where there is none.
func (c Condition) besides(r Request) (v variant, ok bool) {
	if c.Of != OfPath || c.Op != Prefix || strings.HasSuffix(c.Value, "/") || c.Not {
		return variant{}, false
	}
	path := c.Value + filler
	return variant{r.withPath(path), "beside-path", "the prefix ends within an element of the path: " + path}, true
}
