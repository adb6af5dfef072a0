package loadgen

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// What lets somebody in is recorded nowhere, and sent all the same.
func TestSecrets(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2VjcmV0"
	own := Plan{Rate: 1, Cohorts: []Cohort{
		{Name: "a", Header: map[string]string{"Authorization": "Basic c2VjcmV0", "x-group": "beta"}},
		{Name: "b", Header: map[string]string{"cookie": "jwt=" + token, "x-api-key": "c2VjcmV0"}},
		{Name: "c", Header: map[string]string{"cookie": "user={user}", "authorization": "user-{user}"}},
		{Name: "d"},
	}}
	shown := own.WithoutSecrets()
	b, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "c2VjcmV0") || !strings.Contains(string(b), "beta") {
		t.Errorf("got %s, want it without secrets, and with all else", b)
	}
	if !reflect.DeepEqual(shown.Cohorts[2:], own.Cohorts[2:]) {
		t.Errorf("got %+v, want what is no secret as it was", shown.Cohorts[2:])
	}
	if got := shown.WithSecretsOf(own); !reflect.DeepEqual(got, own) {
		t.Errorf("got %+v, want what is sent to be the plan's own", got)
	}
	if own.Cohorts[0].Header["Authorization"] != "Basic c2VjcmV0" {
		t.Error("got a change of the plan itself")
	}
}
