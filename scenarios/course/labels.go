package course

var labels = Path{
	Name: "labels", Title: "The healthy canary, and labels",
	About: "A rollout that goes well, and what ties a route to pods: a subset, and its labels.",
	Stops: []Stop{{
		Kind: See, Story: "weighted-rollout",
		Learned: "Weights split the requests, and a rollback is one write. The old version leaves the route first, " +
			"then its subset goes, then its pods: so no request fails.",
		Question: "v1 is to go. What goes first: its pods, its subset, or its place in the route?",
	}, {
		Kind: Mend, Story: "label-mismatch",
		Learned: "A subset is a question about labels. One that no pod answers to gets its share all the same, and " +
			"all of that fails.",
		Question: "v2 is ready and idle. Who answers the canary's requests?",
	}, {
		Kind: Mend, Story: "subset-undefined",
		Learned: "A route may name a subset that nobody defined. istioctl analyze finds that in the files already, " +
			"before any request does.",
		Question: "How do the callers' logs tell a subset without pods from one that nobody defined?",
	}, {
		Kind: Mend, Story: "apply-order",
		Learned: "Make before break: on the way in the subset, wait, the route. On the way out the route, wait, " +
			"the subset.",
		Question: "Route and subset come in one apply. Where may that cost requests: on the way in, or on the " +
			"way out?",
	}},
}
