package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// A Reader asks the Handler of one process. One goroutine at a time may use it.
type Reader struct {
	// HTTP is the client of the process's Port.
	HTTP *http.Client
	// Offset must be added to what the process's clock says.
	Offset time.Duration

	next int
}

// Status returns how the process's part of the fleet stands.
func (r *Reader) Status(ctx context.Context) (s Status, err error) {
	err = r.call(ctx, http.MethodGet, "/status", nil, func(response *http.Response) error {
		return json.NewDecoder(response.Body).Decode(&s)
	})
	return s, err
}

// Resize has the process simulate n proxies from now on.
func (r *Reader) Resize(ctx context.Context, n int) error {
	return r.call(ctx, http.MethodPut, "/proxies", []byte(strconv.Itoa(n)), func(*http.Response) error { return nil })
}

// Receipts returns those that have come since the last call, with their moments on this process's clock.
func (r *Reader) Receipts(ctx context.Context) (all []Receipt, err error) {
	err = r.call(ctx, http.MethodGet, "/receipts?from="+strconv.Itoa(r.next), nil, func(response *http.Response) error {
		next, err := strconv.Atoi(response.Header.Get(nextHeader))
		if err != nil {
			return fmt.Errorf("the header %s: %w", nextHeader, err)
		}
		for from := json.NewDecoder(response.Body); ; {
			var one Receipt
			switch err := from.Decode(&one); {
			case errors.Is(err, io.EOF):
				r.next = next
				return nil
			case err != nil:
				return err
			}
			one.At = one.At.Add(r.Offset)
			all = append(all, one)
		}
	})
	return all, err
}

func (r *Reader) call(
	ctx context.Context, method, path string, body []byte, read func(*http.Response) error,
) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("ask the fleet for %s: %w", path, err)
		}
	}()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+App+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := r.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(text))
	}
	return read(response)
}
