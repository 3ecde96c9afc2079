// Package harness runs comparisons: the same work done by several contenders,
// side by side in one run, each result checked, and says how far apart they are.
//
// What is compared is described by plain values: a [Comparison] has [Case]s, a
// case has [Contender]s, a contender makes a [Task]. [Run] measures a case:
//
//  1. Prepare makes the case's files in a directory of its own.
//  2. Every contender makes its task, in this process or, when it is Isolated,
//     in a child process of the same binary, where it may crash.
//  3. Warm-up: each task is run until the number of operations is known that
//     takes long enough to be timed; these runs are checked and not counted.
//  4. Rounds: in each, every contender still in the race runs once, in a new
//     random order, and its result is checked after the clock has stopped.
//     What is wrong, crashes or hangs is out, with that as its outcome. A run
//     that had to wait for a processor is repeated (busy.go).
//  5. The [Document] has each contender's median with its 95 % interval, and
//     ratios made of pairs: those of one round are compared with each other,
//     so that a machine that was slow for a while was slow for both.
//
// Files: comparison.go (what is described), run.go (the rounds), busy.go
// (runs that others disturbed), child.go (contenders in processes of their own),
// statistics.go, document.go (the JSON contract), table.go.
package harness
