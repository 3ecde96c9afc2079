package export

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
)

func stagesOf(times ...int64) []observe.Stage {
	stages := make([]observe.Stage, len(times))
	for i := range times {
		stages[i] = observe.Stage{Stage: i + 1, Events: 3}
		if times[i] >= 0 {
			stages[i].TimeNS = &times[i]
		}
	}
	return stages
}

// What is shown of the stages adds up to 100.0 %, whatever they took.
func TestSharesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		most := int64(1) << (1 + random.IntN(61))
		stages := stagesOf(random.Int64N(most), random.Int64N(most), random.Int64N(most), random.Int64N(most)-most/8)
		sum, whole := 0, uint64(0)
		for i := range stages {
			whole += timeOf(&stages[i])
		}
		for i, share := range sharesOf(stages) {
			sum += share
			exact := float64(timeOf(&stages[i])) / float64(max(whole, 1)) * 1000
			if float64(share) < exact-1 || float64(share) > exact+1 {
				t.Fatalf("%d is shown as %d of a thousand of %d", timeOf(&stages[i]), share, whole)
			}
		}
		if whole > 0 && sum != 1000 {
			t.Fatalf("%v add up to %d", stages, sum)
		}
	}
	if got := sharesOf(stagesOf(1, 1, 1, -1)); got[0]+got[1]+got[2] != 1000 || got[3] != 0 {
		t.Error(got)
	}
}

// What was not timed is not 0: neither regions of a program, nor faults of files that it
// only read.
func TestUntimedIsNotZero(t *testing.T) {
	d := load(t, "command")
	read := int64(8192)
	d.Files = append(d.Files, observe.File{Path: "/data/only-read", Role: observe.RoleRead})
	d.Summary.Files = append(d.Summary.Files, observe.FileFaults{File: len(d.Files) - 1, Path: "/data/only-read", Pattern: "too few to tell", ReadBytes: &read})
	for i, s := range pageStages(d) {
		if want := i == event.StageFault-1; s.Timed != want || (s.Time == untimed) == want || (s.Share == untimed) == want {
			t.Errorf("%+v", s)
		}
	}
	files := pageFiles(d)
	if f := files[len(files)-1]; f.Time != untimed || f.Slowest != untimed || f.Pattern.English != untimed || f.Read != "8 KiB" {
		t.Errorf("%+v", f)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"page": func(b *bytes.Buffer) error { return HTML(b, d) },
		"text": func(b *bytes.Buffer) error { return Text(b, d, TextOptions{All: true}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		shown, _, _ := strings.Cut(b.String(), "<script")
		if strings.Contains(shown, " 0 ns") || strings.Contains(shown, ">0 ns") {
			t.Errorf("%s shows 0 ns", name)
		}
	}
}
