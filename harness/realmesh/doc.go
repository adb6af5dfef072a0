// Package realmesh tests the engine on a real mesh: its tests disturb runs and see that they are found out,
// compare ways back and ways in, play on a borrowed cluster, and share the load among pods. What the catalogue
// claims is tested in package scenarios.
package realmesh
