package course

var gameDay = Path{
	Name: "game-day", Title: "Rollbacks, and game day",
	About: "Who finds a bad canary, how it is taken back, and what is left of it: then all of it at once.",
	Stops: []Stop{{
		Kind: Mend, Story: "canary-5xx-rollback",
		Learned: "Istio passes on what the app fails, without a flag and without a retry. A sequential test finds it " +
			"after some answers, and not after a fixed time.",
		Question: "The canary has 5 % and fails 30 % of that. Which share of all requests fails?",
	}, {
		Kind: See, Story: "metric-gated-rollout",
		Learned: "A gate knows what Prometheus has scraped, in the window that it asks for: most of the time that a " +
			"bad canary stays is that. No data is no reason to promote.",
		Question: "Some requests for v2 reach no pod. Which query for v2 misses them?",
	}, {
		Kind: See, Story: "rollback-methods",
		Learned: "The quickest way back is to write the old route. Undoing a rollout waits for pods; scaling to 0 " +
			"and deleting the route are no rollbacks.",
		Question: "Four ways back: which of them are none?",
	}, {
		Kind: See, Story: "streams-survive-rollback",
		Learned: "A route is chosen once for each request. So a rollback has two times: until the last request is " +
			"sent there, and until the last one is done.",
		Question: "The route is back on v1. When may v2 be stopped?",
	}, {
		Kind: See, Story: "istiod-down-rollback",
		Learned: "Without istiod the proxies go on as they were, and no route can be written: the rollback waits for " +
			"istiod.",
		Question: "istiod is gone. What still works, and what does not?",
	}, {
		Kind: Mend, Story: GameDay,
		Learned: "An incident takes roles. Whoever mends does not lead the day, and a scribe writes down what was " +
			"seen, said and done.",
		Question: "Who decides to roll back, and by what?",
	}},
}
