package course

var load = Path{
	Name: "load", Title: "Load and limits",
	About: "What a version can take, who limits it, and what a small share does not show.",
	Stops: []Stop{{
		Kind: Mend, Story: "canary-rate-limit",
		Learned: "A connection pool bounds what is under way at once, and no rate. A rate takes a token bucket in " +
			"each pod's proxy.",
		Question: "v2 answers in a millisecond, and gets 50 requests a second. How many are under way at once?",
	}, {
		Kind: Mend, Story: "circuit-breaker-overflow",
		Learned: "The limits of a DestinationRule are kept by each caller's proxy for itself. Size them by rate " +
			"times latency, with room for the peaks.",
		Question: "v2 itself fails nothing. Who answers with 503 UO?",
	}, {
		Kind: Mend, Story: "load-dependent-503",
		Learned: "What is under way is share times rate times latency, so that a small share hides a fault that " +
			"comes with load. A 503 that the other side sent and no proxy flagged is the app's own.",
		Question: "At 5 % no request fails. What does that say of 100 %?",
	}, {
		Kind: Mend, Story: "timeout-slow-canary",
		Learned: "A route's timeout cuts off the slow end of a version's answers, and a mean does not show how " +
			"much that is. The version itself counts no error.",
		Question: "v2 takes 150 ms on average, and the timeout is 300 ms. How many of its answers come too late?",
	}, {
		Kind: See, Story: "retries-mask-canary",
		Learned: "Retries show callers the last attempt, and the canary's pods all of them. Judge a canary by " +
			"what its own pods answer.",
		Question: "A canary fails 30 % of what it is asked, and is asked up to four times. What do its callers see?",
	}, {
		Kind: Mend, Story: "outlier-single-pod",
		Learned: "Outlier detection takes pods out of one subset, and moves no request to another one. It " +
			"takes two pods to help a canary.",
		Question: "v2 has one pod, which fails every request. Why is nothing ejected?",
	}},
}
