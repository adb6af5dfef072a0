package loadgen

import "testing"

func TestFailed(t *testing.T) {
	for code, want := range map[int]bool{
		0: true, 101: false, 200: false, 304: false, 399: false, 400: true, 404: true, 429: true, 499: true, 500: true,
		503: true, 599: true,
	} {
		if Failed(code) != want || (Sample{Code: code}).Failed() != want {
			t.Errorf("status %d: got failed %t, want %t", code, Failed(code), want)
		}
	}
}
