package event

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// Everybody who reads a trace, in either language, is told what each event is.
func TestVocabularyIsComplete(t *testing.T) {
	stage := StageMap
	for _, v := range Vocabulary {
		if v.Stage < stage || v.Stage > StageReclaim {
			t.Errorf("%s is out of order: stage %d after %d", v.Name, v.Stage, stage)
		}
		stage = v.Stage
		for what, text := range map[string]Bilingue{"title": v.Title, "did": v.Did, "explain": v.Explain} {
			if text.English == "" || !chinese(text.Chinese) || chinese(text.English) {
				t.Errorf("%s: %s is %q and %q", v.Name, what, text.English, text.Chinese)
			}
			if strings.Contains(text.Chinese, "拷贝") || strings.Contains(text.Chinese, "的人") { // 复制, as elsewhere
				t.Errorf("%s: %s is %q", v.Name, what, text.Chinese)
			}
		}
		if got, known := Of(v.Name); !known || got != v {
			t.Errorf("Of(%q) is %v", v.Name, got)
		}
		if e := New(v.Name, 1, 2, 3); e.Stage != v.Stage || e.StartNS != 1 || e.DurationNS != 2 || e.Offset != 3 || e.SelfNS != 2 {
			t.Errorf("New(%q) is %+v", v.Name, e)
		}
	}
	if stage != StageReclaim || len(byName) != len(Vocabulary) {
		t.Errorf("the last stage is %d, %d names for %d events", stage, len(byName), len(Vocabulary))
	}
}

func chinese(s string) bool {
	for _, r := range s {
		if unicode.Is(unicode.Han, r) {
			return true
		}
	}
	return false
}

func TestUnknownName(t *testing.T) {
	if _, known := Of("teleport"); known {
		t.Error("a name that is none is known")
	}
	defer func() {
		if recover() == nil {
			t.Error("New made an event of no name")
		}
	}()
	New("teleport", 0, 0, 0)
}

// The names that others rely on.
func TestJSONNames(t *testing.T) {
	text, err := json.Marshal(New(Map, 5, 7, NoOffset))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"stage":1,"name":"map","start_ns":5,"duration_ns":7,"offset":-1,"self_ns":7,"file":0}`
	if string(text) != want {
		t.Errorf("%s, expected %s", text, want)
	}
}
