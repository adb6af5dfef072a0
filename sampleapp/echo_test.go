package sampleapp

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

// Who asks for it gets told what the app got, and nobody else does.
func TestEcho(t *testing.T) {
	app := New(Config{Version: "v1", Pod: "p"})
	r := httptest.NewRequest("GET", "http://reviews/a%20b?c=d", nil)
	r.Header.Set("X-User", "jason")
	r.Header.Add("X-Tag", "one")
	r.Header.Add("X-Tag", "two")
	r.Header.Set(EchoHeader, "x-user, X-Tag,x-absent")
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r)
	var got Echo
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("got %q: %v", w.Body, err)
	}
	if got.Host != "reviews" || len(got.Header) != 2 || got.Header["x-user"] != "jason" ||
		got.Header["x-tag"] != "one,two" {
		t.Errorf("got %+v", got)
	}
	r.Header.Del(EchoHeader)
	w = httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r)
	if json.Unmarshal(w.Body.Bytes(), &got) == nil {
		t.Errorf("got %q of an app that nobody asked", w.Body)
	}
}
