package lab

import "context"

// A claimer is a cluster that several people's labs use.
type claimer interface {
	// Claim keeps the others off a namespace until release is called. The context ends if that fails later. The error
	// wraps cluster.ErrTaken where somebody else has the namespace.
	Claim(ctx context.Context, ns, run, scenario string) (held context.Context, release func(), err error)
}

// Claim keeps the labs of others off some namespaces in which a run plays a scenario, until release is called. The
// context ends if one is lost. The error wraps cluster.ErrTaken, as a *cluster.Taken, where somebody else has one. On a
// cluster of the lab's own, Exclusive does.
func (l *Lab) Claim(
	ctx context.Context, namespaces []string, run, scenario string,
) (held context.Context, release func(), err error) {
	c, ok := l.cluster.(claimer)
	if !ok {
		return ctx, func() {}, nil
	}
	var all []func()
	release = func() {
		for _, done := range all {
			done()
		}
	}
	held = ctx
	for _, ns := range namespaces {
		var done func()
		if held, done, err = c.Claim(held, ns, run, scenario); err != nil {
			release()
			return nil, nil, err
		}
		all = append(all, done)
	}
	return held, release, nil
}

// Owner is whose the lab's namespaces are on a cluster that others use too, empty on one of the lab's own.
func (l *Lab) Owner() string {
	for _, owner := range l.provider.Traits().Own {
		return owner
	}
	return ""
}
