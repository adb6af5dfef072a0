package training

import (
	"math"

	"github.com/canarylab/canarylab/harness/expect"
)

const (
	// alarm is the probability with which one look takes a share for another. A mission of 20 minutes has 4,800 looks,
	// most of them at requests that were looked at before.
	alarm = 1e-6
	// proof is how much likelier the requests of a window have to be with the share that is asked for than with one
	// that is off by expect.Margin. With the other share that happens once in so many windows at most (Markov's
	// inequality).
	proof = 1e4
)

// above tells whether a count is certainly of a share of more than p. If the share were p, so many or more would come
// with a probability of exp(-n·D) at most, where D is the Kullback-Leibler divergence of what was seen from p.
// (W. Hoeffding, "Probability inequalities for sums of bounded random variables", 1963, theorem 1.)
func above(count, of int, p float64) bool {
	seen := float64(count) / float64(of)
	return of > 0 && seen > p && float64(of)*divergence(seen, p) >= math.Log(1/alarm)
}

// divergence is the Kullback-Leibler divergence of a coin of q from one of p.
func divergence(q, p float64) float64 {
	d := 0.0
	if q > 0 {
		d += q * math.Log(q/p)
	}
	if q < 1 {
		d += (1 - q) * math.Log((1-q)/(1-p))
	}
	return d
}

// isOff tells whether a count certainly contradicts a share in percent. Of a share of all or of none, a few requests of
// before the last change are no contradiction.
func isOff(count, of int, percent float64) bool {
	return above(count, of, max(percent/100, stray)) || above(of-count, of, max(1-percent/100, stray))
}

// isRight tells whether a count is certainly nearer to a share in percent than expect.Margin. A share of all or of none
// allows for no other request.
func isRight(count, of int, percent float64) bool {
	p, margin := percent/100, expect.Margin(percent)/100
	if margin == 0 {
		return of >= leastCohort && float64(count) == p*float64(of)
	}
	k, rest := float64(count), float64(of-count)
	for _, q := range []float64{p - margin, p + margin} {
		if k*math.Log(p/q)+rest*math.Log((1-p)/(1-q)) < math.Log(proof) {
			return false
		}
	}
	return true
}
