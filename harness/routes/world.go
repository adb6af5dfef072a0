package routes

// A world is what the objects have beside routes: Services, gateways, subsets and workloads.
type world struct{}

func newWorld([]Object) *world { return &world{} }
