package environment

// A Use is what all programs of a machine used together over some time.
type Use struct {
	// CPU is in processors, Cores how many there are.
	CPU   float64 `json:"cpu"`
	Cores int     `json:"cores"`
	// Memory is what programs can't have any more, Total all that there is, in bytes.
	Memory int64 `json:"memory"`
	Total  int64 `json:"total"`
}
