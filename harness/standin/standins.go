package standin

// Standins makes the plan. The error has everything that is in the way, and wraps ErrInput.
func (s *Set) Standins(o Options) (*Plan, error) { return nil, nil }
