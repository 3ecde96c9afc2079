package main

import "testing"

func TestClosest(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"compar", "compare"},
		{"compute", "compare"},
		{"comp", "compare"},
		{"evcit", "evict"},
		{"Pages", "pages"},
		{"pagse", "pages"},
		{"nope", ""},
		{"x", ""},
		{"", ""},
		{"help", "help"},
		{"simulation", "simulate"},
		{"数据", ""},
	} {
		if got := closest(c.name, verbNames(newRoot())); got != c.want {
			t.Errorf("%q is taken for %q, expected %q", c.name, got, c.want)
		}
	}
}
