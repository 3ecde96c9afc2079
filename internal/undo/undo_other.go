//go:build !linux

package undo

import "errors"

// Only files are made on other systems.

var errLinuxOnly = errors.New("only Linux has it")

func unmount(string) error        { return errLinuxOnly }
func swapOff(string) error        { return errLinuxOnly }
func removeInstance(string) error { return errLinuxOnly }
func removeGroup(string) error    { return errLinuxOnly }
func handBack(string) error       { return errLinuxOnly }
