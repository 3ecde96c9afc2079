//go:build !invariants

package pager

// invariants is what the build tag of that name turns on: see invariants_on.go.
const invariants = false
