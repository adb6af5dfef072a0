package loadgen

import "time"

// A Sample is what one request met. A failed request is data, not an error.
type Sample struct {
	// Cohort names the group of callers that the request belongs to.
	Cohort string `json:"cohort"`
	// Seq counts the cohort's requests from 0.
	Seq uint64 `json:"seq"`
	// ID is the request's x-request-id, unique in the run.
	ID string `json:"id"`
	// Due is when the plan wanted the request sent.
	Due time.Time `json:"due"`
	// Sent is when it was sent. Sent-Due is the generator's own lag.
	Sent time.Time `json:"sent"`
	// Done is when the last byte of the answer was read, or the attempt given up.
	Done time.Time `json:"done"`
	// Code is the HTTP status, 0 where no answer came.
	Code int `json:"code"`
	// GRPC is the grpc-status of a call by gRPC, by its name such as OK or UNAVAILABLE. Where no answer came, the
	// caller's own library made it up. Empty for a request that is no such call.
	GRPC string `json:"grpc,omitempty"`
	// Version and Pod name who answered, from the sample app's response headers. Both are empty where a proxy
	// answered by itself, or nobody did.
	Version string `json:"version,omitempty"`
	Pod     string `json:"pod,omitempty"`
	// Serial is the answering pod's own number for the request, see sampleapp.SerialHeader. Empty where Pod is.
	Serial string `json:"serial,omitempty"`
	// Bytes is the size of the answer's body, up to 64 KiB; on a TCP connection that of all answers.
	Bytes uint64 `json:"bytes"`
	// Local is the caller's own address on a TCP connection, by which its proxy's log entry is found. Empty for
	// anything else.
	Local string `json:"local,omitempty"`
	// Messages counts the answers on a TCP connection, of which one that is held may have many, and the messages of a
	// stream by gRPC.
	Messages uint64 `json:"messages,omitempty"`
	// Cut tells of a TCP connection that the other side ended it while it was held.
	Cut bool `json:"cut,omitempty"`
	// Notes has, by their keys, what the cohort's Notes keep of the answer.
	Notes map[string]string `json:"notes,omitempty"`
	// Err says why no answer came; empty where one did.
	Err string `json:"err,omitempty"`
	// Unsent tells that dialing failed, so that nobody but the caller can know of the request.
	Unsent bool `json:"unsent,omitempty"`
}

// Latency is counted from the moment that the request was due, so that a stall of the generator or of the mesh shows
// in every request that had to wait for it.
func (s Sample) Latency() time.Duration { return s.Done.Sub(s.Due) }

// FailedFrom is the lowest status that counts as failed.
const FailedFrom = 400

// Failed tells whether a request failed that ended with a status: it got no answer (0), or one of FailedFrom or
// above. A caller that gets 404 because no route matches, or 429 from a rate limit, is not served. Everything that
// counts failed requests asks this function, and no scenario may call another status failed or well.
func Failed(code int) bool { return code == 0 || code >= FailedFrom }

// Failed tells whether the request failed, as the function Failed has it. A call by gRPC also failed that has another
// grpc-status than OK: its HTTP status is 200 all the same.
func (s Sample) Failed() bool { return Failed(s.Code) || s.GRPC != "" && s.GRPC != GRPCOK }
