package fleet

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// nextHeader has, in the answer with receipts, the number to ask from next.
const nextHeader = "Next-Receipt"

// Handler answers the lab:
//
//	GET /status             a Status
//	GET /receipts?from=N    Receipts from number N on, a line of JSON each, and nextHeader
//	PUT /proxies            how many proxies are to be there, as text
func (f *Fleet) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(f.Status()) // nobody is left to tell
	})
	mux.HandleFunc("GET /receipts", func(w http.ResponseWriter, r *http.Request) {
		from, err := strconv.Atoi(r.FormValue("from"))
		if err != nil {
			http.Error(w, "from is no number", http.StatusBadRequest)
			return
		}
		all, next := f.Receipts(from)
		w.Header().Set(nextHeader, strconv.Itoa(next))
		to := json.NewEncoder(w)
		for _, receipt := range all {
			if to.Encode(receipt) != nil {
				return
			}
		}
	})
	mux.HandleFunc("PUT /proxies", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16))
		n, notNumber := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil || notNumber != nil {
			http.Error(w, "the body is no number", http.StatusBadRequest)
			return
		}
		if err := f.Resize(n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	return mux
}
