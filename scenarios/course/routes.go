package course

var routes = Path{
	Name: "routes", Title: "Routes",
	About: "Who gets the canary: matches, their order, and the rule that everybody forgot.",
	Stops: []Stop{{
		Kind: See, Story: "header-routing",
		Learned: "A match on a header takes its name in any case, and its value exactly. Whoever does not match " +
			"stays where they were.",
		Question: "Which version answers a caller with X-User-Group: BETA?",
	}, {
		Kind: Mend, Story: "missing-default-route",
		Learned: "A VirtualService takes the place of the routes that Istio makes by itself. Its last rule has to " +
			"match everybody.",
		Question: "v1 is well, and the Service selects it. Why does nothing fall back to it?",
	}, {
		Kind: Mend, Story: "ab-client-id",
		Learned: "Rules are tried from the top, and the first that matches decides: the narrower one goes first. A " +
			"wrong order fails no request, so that only the split of each group shows it.",
		Question: "Half of the beta callers are in the wrong group, and nothing fails. Where would you see it?",
	}, {
		Kind: Mend, Story: "match-order-shadowed",
		Learned: "The first rule that matches decides, and not the most exact one. A rule that is never met is " +
			"no error, and what it was for goes elsewhere.",
		Question: "Each rule is right by itself. What does a request for /shop/checkout get?",
	}, {
		Kind: Mend, Story: "source-ip-routing",
		Learned: "A route matches headers, and no addresses. Of x-forwarded-for trust only what your own hops " +
			"appended, and count from the right.",
		Question: "Which of the addresses in x-forwarded-for can the caller write?",
	}, {
		Kind: See, Story: "rollback-in-a-fleet",
		Learned: "Istiod waits for 100 ms for more changes, and then works out what is new for one proxy after the " +
			"other. A rollback is done when the last one has it.",
		Question: "One write takes the canary back. When has the last of 200 proxies heard of it?",
	}},
}
