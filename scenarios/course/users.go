package course

var users = Path{
	Name: "users", Title: "Users, copies, tests and calls",
	About: "What a share does not say: who has the canary, what its copies cost, what a test by faults reaches, and " +
		"which failures no status shows.",
	Stops: []Stop{{
		Kind: See, Story: "sticky-vs-weights",
		Learned: "Weights deal out requests and not users, and consistentHash chooses a pod inside of the " +
			"version that the weights have chosen. Users stay on their version by a rule on what they send.",
		Question: "The canary has 20 %, and load is balanced by a user's cookie. What does one user get?",
	}, {
		Kind: See, Story: "cookie-canary",
		Learned: "A share says how many users have the canary, and not who. A promotion keeps those who have " +
			"it only if its rule matches them too.",
		Question: "The canary goes from 10 to 30 % of the users. Who loses it?",
	}, {
		Kind: See, Story: "mirror-hurts",
		Learned: "A mirror leaves out the canary's answers and nothing else: what is behind it gets each request " +
			"twice. Mirror a share that all of it can carry.",
		Question: "Nobody ever gets an answer of v2's. How can v2 fail a caller?",
	}, {
		Kind: See, Story: "fault-injection-bypasses-policy",
		Learned: "A fault of a route is made by the caller's proxy, before a version is chosen and before its " +
			"retries. A test of a policy puts its fault on the other side of the policy.",
		Question: "The rule has retries and a fault of 30 %. How many requests fail?",
	}, {
		Kind: Mend, Story: "grpc-canary",
		Learned: "A gRPC call that failed is a 200 with its status in the trailer. A gate or an alarm that counts " +
			"5xx sees nothing of it; ask for the status of the call itself.",
		Question: "Every answer is a 200, and a third of v2's callers complain. What does the dashboard leave out?",
	}, {
		Kind: See, Story: "tcp-weights",
		Learned: "A TCP route deals out connections, and is a part of the listener. Its change moves no open " +
			"connection, and 45 s later the proxy cuts them all: those to the canary, and all others.",
		Question: "The weights are back, and half of the pool is on v2. Who ends these connections, and which others?",
	}},
}
