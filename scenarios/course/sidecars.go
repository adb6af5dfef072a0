package course

var sidecars = Path{
	Name: "sidecars", Title: "Sidecars and pods",
	About: "Who applies the weights, who speaks TLS, and what a Service still decides.",
	Stops: []Stop{{
		Kind: Mend, Story: "client-without-sidecar",
		Learned: "The caller's own proxy applies the weights. A caller without one gets what the Service selects, " +
			"whatever the route says.",
		Question: "The canary is ready and has weight 0. Who gets it all the same?",
	}, {
		Kind: Mend, Story: "canary-without-sidecar",
		Learned: "A pod needs no sidecar to get its share, and needs one to speak mutual TLS. A sidecar is added " +
			"only when a pod is made.",
		Question: "The namespace has its label back. Why has v2 no sidecar yet?",
	}, {
		Kind: Mend, Story: "mtls-strict-canary",
		Learned: "What a pod takes is said by a PeerAuthentication, and what its callers send by a " +
			"DestinationRule. Without a tls mode there they fit each other by themselves.",
		Question: "v2 takes nothing but mutual TLS, and has a sidecar. Who speaks plain HTTP to it?",
	}, {
		Kind: Mend, Story: "service-instead-of-virtualservice",
		Learned: "A subset is a part of the Service's endpoints. Let the Service select the app, and let the route " +
			"choose the version.",
		Question: "The Service selects v2 alone. What is left of subset v1?",
	}, {
		Kind: Mend, Story: "canary-scaled-to-zero",
		Learned:  "Weights know nothing of pods. Take the weight away before the pods.",
		Question: "v1 is well and has room. Why does it not step in?",
	}, {
		Kind: See, Story: "grpc-connection-sticks",
		Learned: "A sidecar deals out calls, kube-proxy connections. A gRPC client without a sidecar keeps its pod " +
			"through the canary, the promotion and the rollback, until that pod goes.",
		Question: "The route is back on v1, and one caller is not. It has one connection: who could move it?",
	}},
}
