//go:build !linux && !js && !plan9 && !wasip1

package main

import "github.com/rogpeppe/go-internal/testscript"

// The scripts that need these skip themselves on other systems.

func canMount() bool { return false }

func mountCommand(ts *testscript.TestScript, _ bool, _ []string)  { ts.Fatalf("needs linux") }
func asUserCommand(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("needs linux") }
func fifoCommand(ts *testscript.TestScript, _ bool, _ []string)   { ts.Fatalf("needs linux") }

func unixsocketCommand(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("needs linux") }

func canPerf() bool { return false }
