package detect

import "time"

// Signals are those who could see it, in the order of the table.
//
// Two are the defaults of tools that many teams have. Flagger checks the canary's own pods once a minute: less than
// 99 % without a 5xx (request-success-rate), or a p99 of more than 500 ms (request-duration), by istio_requests_total
// and istio_request_duration_milliseconds of reporter destination; where there is no value, as the canary gets nothing,
// the check fails too (https://docs.flagger.app/usage/metrics). Argo Rollouts' documentation has a template that asks
// once in five minutes for the share without a 5xx of what callers' proxies sent to the Service (reporter source), and
// wants 0.95 (https://argo-rollouts.readthedocs.io/en/stable/features/analysis/); its query is of the last two scrapes.
var Signals = []Signal{
	{
		"analyze, files", "`istioctl analyze` of the manifests, before anything is applied",
		func(s *seen) Sight { return s.analysis("files", -1) },
	},
	{
		"analyze, cluster", "`istioctl analyze` of the cluster, right after the change",
		func(s *seen) Sight { return s.analysis("cluster", 0) },
	},
	{
		"callers' 5xx", "more than 1 % of all requests of the last minute end with a 5xx, as callers see it",
		func(s *seen) Sight { return s.over(callers, 0.01, time.Minute) },
	},
	{
		"the canary's 5xx", "more than 1 % of what came to v2's pods in the last minute ends with a 5xx there",
		func(s *seen) Sight {
			if s.copies() {
				return Sight{}
			}
			return s.over(pods(s.canary), 0.01, time.Minute)
		},
	},
	{
		"callers' p99", "the 99th percentile of the last minute is above 500 ms, as callers see it",
		func(s *seen) Sight { return s.over(slower("*", 500*time.Millisecond), 0.0099, time.Minute) },
	},
	{
		"Flagger", "the first failed check of Flagger's defaults, one a minute, of v2's pods: the share without a " +
			"5xx below 99 %, the p99 above 500 ms, or no value. It rolls back after as many as its threshold says",
		func(s *seen) Sight {
			switch {
			case s.copies():
				return Sight{}
			case s.now.Total.Versions[s.canary] == 0:
				return Sight{Known: true, Found: true}.asked(time.Minute)
			}
			return soonest(s.over(pods(s.canary), 0.01, time.Minute),
				s.over(slower(s.canary, 500*time.Millisecond), 0.0099, time.Minute)).asked(time.Minute)
		},
	},
	{
		"Argo Rollouts", "the first failed measurement of the template in its documentation, one in five minutes, of " +
			"all that callers sent to the Service: the share without a 5xx below 95 %. It aborts at the fourth",
		func(s *seen) Sight { return s.over(source, 0.05, time.Second).asked(5 * time.Minute) },
	},
	{
		"a gate per subset", "the lab's gate, once a second: more than 5 % of the requests for subset v2 in the " +
			"last 5 s end with a 5xx, or its p99 is above 250 ms, by the callers' proxies",
		func(s *seen) Sight {
			if s.copies() {
				return Sight{}
			}
			return soonest(s.over(subset(s.canary), 0.05, 5*time.Second),
				s.over(slower(s.canary, 250*time.Millisecond), 0.0099, 5*time.Second)).asked(time.Second)
		},
	},
	{
		"sequential test", "the lab's sequential test of 1 % bad answers of v2 against 30 %, at each answer",
		func(s *seen) Sight { return s.sequential() },
	},
}
