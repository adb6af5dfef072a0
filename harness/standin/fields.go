package standin

// fields are where an object's fields are written.
type fields struct{}

// A subsetRule is what a DestinationRule says of subsets.
type subsetRule struct{}
