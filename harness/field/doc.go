// Package field holds `canarylab test` against configurations that broke in the field, and against good ones: what it
// finds without sending anything, beside what `istioctl analyze` finds. The configurations are testdata/field and
// testdata/good of harness/routes; what only the traffic shows is played by harness/realmesh.
package field
