package comparison

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"

	"github.com/filemap-go/filemap/bench/harness"
)

// fio(1) with io_uring and direct I/O is what the device can do.

// fioJob is how it is run.
type fioJob struct {
	path, pattern string // "randread" or "read"
	block, depth  int
}

// newTask runs the job for a second and takes the time of one operation. That fio
// had no errors, and did anything, is all that can be checked.
func (j fioJob) newTask() (*harness.Task, error) {
	program, err := exec.LookPath("fio")
	if err != nil {
		return nil, fmt.Errorf("needs fio (apt-get install fio): %w", errors.ErrUnsupported)
	}
	var operations int64
	return &harness.Task{
		Measure: func(int) (float64, error) {
			perSecond, n, err := j.run(program)
			operations = n
			if err != nil || perSecond == 0 {
				return 0, err
			}
			return 1e9 / perSecond, nil
		},
		Check: func(int) error {
			if operations == 0 {
				return harness.Wrong("fio did nothing")
			}
			return nil
		},
		Close: func() error { return nil },
	}, nil
}

func (j fioJob) run(program string) (perSecond float64, operations int64, err error) {
	args := []string{
		"--name=limit", "--filename=" + j.path, "--rw=" + j.pattern, "--bs=" + strconv.Itoa(j.block),
		"--iodepth=" + strconv.Itoa(j.depth), "--ioengine=io_uring", "--direct=1", "--runtime=1", "--time_based", "--readonly", "--output-format=json",
	}
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return 0, 0, fmt.Errorf("fio: %w", err)
	}
	var result struct {
		Jobs []struct {
			Error int
			Read  struct {
				IOPS  float64
				Total int64 `json:"total_ios"`
			}
		}
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return 0, 0, fmt.Errorf("fio: %w", err)
	}
	if len(result.Jobs) != 1 || result.Jobs[0].Error != 0 {
		return 0, 0, fmt.Errorf("fio: it failed: %.200s", out)
	}
	r := result.Jobs[0]
	return r.Read.IOPS, r.Read.Total, nil
}
