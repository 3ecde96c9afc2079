//go:build linux

package observe

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// childEnv marks the process that makes the access. Nothing else sets it.
const childEnv = "FILEMAP_OBSERVE_CHILD"

// goAhead is the line by which the tracer, once it listens, lets the child begin.
const goAhead = "go\n"

// IsChild tells whether this process was started by [Trace] or [Command] to make
// the access. See the package comment.
func IsChild() bool { return os.Getenv(childEnv) != "" }

// ChildMain makes the access that the tracer describes, and returns the
// status to exit with.
func ChildMain() int {
	const hears, tells = 3, 4
	in, out := os.NewFile(hears, "job"), os.NewFile(tells, "answer")
	keepFromExec(in, out)
	if err := serve(bufio.NewReader(in), out); err != nil {
		return 1
	}
	return 0
}

// serve reads a job, says that it is ready, waits to be let go, and answers.
func serve(in *bufio.Reader, out io.Writer) error {
	var j job
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, &j); err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	c, err := prepare(&j)
	if err != nil {
		return errors.Join(err, answers.Encode(ready{Problem: err.Error()}))
	}
	defer c.close()
	if err := answers.Encode(ready{Thread: c.thread}); err != nil {
		return err
	}
	if line, err := in.ReadString('\n'); err != nil || line != goAhead {
		return errors.Join(errors.New("not let go"), err)
	}
	if j.Exec != nil {
		err := c.become(&j)
		return errors.Join(err, answers.Encode(answer{Problem: err.Error()}))
	}
	return answers.Encode(c.perform())
}
