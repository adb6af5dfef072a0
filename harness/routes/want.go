package routes

import "net/http"

// A Want is where a request should go, by what the YAML says.
type Want struct {
	// Destinations are where the request goes. Their percents sum to 100. There is none where the proxy itself
	// answers all.
	Destinations []Destination
	// StatusPercent of the requests get Status from the proxy itself: by a redirect, a direct response, an
	// injected abort, or 404 because no rule and no Service takes it. The Destinations share the rest.
	Status        int
	StatusPercent float64
	// Location is where a redirect leads, as in Action.
	Location string
	// Service tells that no rule decides: the request goes to the pods of the Service by its selector, all alike.
	Service bool
	// Unknown tells that the objects don't say where the request goes: its host is nothing they have.
	Unknown bool
}

// Want returns where a request should go, by the YAML: by the rule that takes it, or else by its host's Service.
func (t Table) Want(r Request) Want {
	d := t.decide(r)
	switch {
	case d.rule >= 0:
		return t.wantOf(t.Rules[d.rule], r)
	case d.secure:
		return Want{Status: http.StatusMovedPermanently, StatusPercent: 100, Location: "https://" + r.Host}
	case d.routed:
		return Want{Status: http.StatusNotFound, StatusPercent: 100}
	case d.service == nil || d.service.entry && len(d.service.ports) == 0:
		return Want{Unknown: true}
	}
	if _, ok := d.service.port(r.port()); !ok {
		return Want{Unknown: true}
	}
	return Want{Service: true, Destinations: []Destination{{Host: d.service.host, Port: r.port(), Percent: 100}}}
}

// wantOf is what a rule wants of a request that it takes.
func (t Table) wantOf(rule Rule, r Request) Want {
	switch rule.Action.Kind {
	case ActionNone:
		return Want{Unknown: true}
	case ActionRedirect, ActionDirect:
		return Want{Status: rule.Action.Status, StatusPercent: 100, Location: rule.Action.Location}
	}
	var w Want
	if f := rule.Fault; f != nil && f.AbortPercent > 0 {
		w.StatusPercent, w.Status = f.AbortPercent, f.AbortStatus
		if f.AbortGRPC != "" {
			w.Status = http.StatusOK // gRPC has its status in a trailer
		}
	}
	if w.StatusPercent >= 100 {
		return w
	}
	for _, d := range rule.Action.Destinations {
		if d.Port == 0 {
			d.Port = r.port()
			if s := t.world.services[d.Host]; s != nil && len(s.ports) == 1 {
				d.Port = s.ports[0].number
			}
		}
		w.Destinations = append(w.Destinations, d)
	}
	return w
}
