package course

var objects = Path{
	Name: "objects", Title: "What becomes of an object",
	About: "An object that the API server takes may be half in force, or not at all: which proxies it is for, what " +
		"stands beside it, and what it names.",
	Stops: []Stop{{
		Kind: See, Story: "duplicate-virtualservices",
		Learned: "For one host callers in the mesh have the VirtualService that was made first, and no other. A " +
			"gateway merges them.",
		Question: "An object is deleted and made anew, word for word. What can that change?",
	}, {
		Kind: See, Story: "gateway-mesh-mismatch",
		Learned: "A route is for the gateways that it names and for nobody else, and mesh is one of these names. " +
			"A rollback reaches those that its route is bound to.",
		Question: "The canary has 10 % by the gateway. What do callers in the mesh get?",
	}, {
		Kind: See, Story: "httproute-and-virtualservice",
		Learned: "Of an HTTPRoute and a VirtualService for one host a caller's proxy has one: the HTTPRoute in the " +
			"route's own namespace, and elsewhere the older of the two.",
		Question: "An HTTPRoute stands beside a VirtualService. Which of the two do you change to roll back?",
	}, {
		Kind: See, Story: "consumer-route-wins",
		Learned: "An HTTPRoute in the caller's namespace takes the place of the one that the Service's owner wrote, " +
			"for the callers of that namespace.",
		Question: "The owner rolls back, and one namespace goes on failing. Where do you look?",
	}, {
		Kind: See, Story: "subset-removed-in-use",
		Learned: "DestinationRules for one host are merged, and none asks which routes use its subsets before it " +
			"goes. The weight leaves first, then the release.",
		Question: "A release brought its own subset. What has to happen before it is uninstalled?",
	}, {
		Kind: Mend, Story: "decommission-too-early",
		Learned: "An overlooked rule goes on to name the old version. A rollback works only as long as there is " +
			"something to go back to.",
		Question: "How do you know that nobody uses v1 any more?",
	}},
}
