// Command sampleapp is the service that the lab rolls out. See package sampleapp.
package main

import (
	"os"

	"github.com/canarylab/canarylab/sampleapp"
)

func main() { os.Exit(sampleapp.Main(os.Args[1:], os.Getenv, os.Stderr)) }
