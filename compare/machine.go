package compare

import (
	"runtime"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
)

func thisMachine() Machine {
	return Machine{
		OS:        runtime.GOOS,
		Arch:      runtime.GOARCH,
		Kernel:    sys.KernelRelease(),
		Go:        runtime.Version(),
		CPUs:      runtime.NumCPU(),
		PageBytes: filemap.PageBytes(),
	}
}

// describe adds where the file lives.
func (r *Report) describe(file sys.File) {
	fileSystem, err := file.FileSystem()
	if err != nil {
		r.withhold(Withheld{"machine.file_system", err.Error()}, Withheld{"machine.read_ahead_kb", err.Error()})
		return
	}
	r.Machine.FileSystem = fileSystem.Name
	r.inMemory = fileSystem.InMemory
	ahead, err := fileSystem.ReadAheadKB(sysRoot)
	if err != nil {
		r.withhold(Withheld{"machine.read_ahead_kb", "the file system has no device of its own, or it does not tell"})
		return
	}
	r.Machine.ReadAheadKB = &ahead
}
