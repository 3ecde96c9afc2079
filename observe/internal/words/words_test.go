package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/filemap-go/filemap/observe/event"
)

func TestOf(t *testing.T) {
	got := Of("%s: not asked for (--tier)", Of("fault addresses from perf"))
	if got.English != "fault addresses from perf: not asked for (--tier)" || got.Chinese != "perf 给出的缺页地址：未要求（--tier）" {
		t.Errorf("%+v", got)
	}
	if got := Of("phase|read"); got != (event.Bilingue{English: "read", Chinese: "读"}) {
		t.Errorf("%+v", got)
	}
	if got := Of("teleport %d", 3); got != Same("teleport 3") {
		t.Errorf("%+v", got)
	}
}

var verb = regexp.MustCompile(`%[.\d]*[a-z]|\{[a-z]\}`)

// Each text is in both languages, with the same arguments, and punctuated as its language is.
func TestTable(t *testing.T) {
	for english, chinese := range table {
		if strings.Join(verb.FindAllString(english, -1), " ") != strings.Join(verb.FindAllString(chinese, -1), " ") {
			t.Errorf("%q has other arguments than %q", english, chinese)
		}
		han, worded := strings.ContainsFunc(chinese, func(r rune) bool { return unicode.Is(unicode.Han, r) }), strings.Trim(verb.ReplaceAllString(english, ""), ": ") != ""
		if worded && !han || strings.ContainsFunc(english, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%q is %q", english, chinese)
		}
		for word, wanted := range map[string]string{"minor": "次要", "major": "主要"} {
			if strings.Contains(english, word) && !strings.Contains(chinese, wanted) {
				t.Errorf("%q is %q, without %s", english, chinese, wanted)
			}
		}
		for _, wrong := range []string{"拷贝", "的人"} {
			if strings.Contains(chinese, wrong) {
				t.Errorf("%q says %s", chinese, wrong)
			}
		}
	}
}

// The Chinese README and the page call a copy by the same word.
func TestOneWordForCopy(t *testing.T) {
	text, err := os.ReadFile("../../../README.zh-CN.md")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "拷贝") || !strings.Contains(string(text), "复制") {
		t.Error("README.zh-CN.md has another word for 复制")
	}
}

// said finds the texts of the packages and of the page: arguments of functions that say
// something.
func said(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	var files []string
	for _, pattern := range []string{"../../*.go", "../../export/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, names...)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				if f.Sel.Name != "Of" && f.Sel.Name != "miss" && f.Sel.Name != "has" {
					return true
				}
			case *ast.Ident:
				if f.Name != "add" {
					return true
				}
			default:
				return true
			}
			if text, ok := call.Args[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
				english, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[english] = name
			}
			return true
		})
	}
	html, err := os.ReadFile("../../export/page.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`say "([^"]*)"`).FindAllSubmatch(html, -1) {
		found[string(m[1])] = "page.html"
	}
	return found
}

// isName tells texts that are names: they are the same in all languages.
var isName = regexp.MustCompile(`^[a-z]+$`)

// Nothing is said that the table has not.
func TestNothingIsInOneLanguageOnly(t *testing.T) {
	all := said(t)
	if len(all) < 100 {
		t.Fatalf("only %d texts were found", len(all))
	}
	for english, where := range all {
		if _, known := table[english]; !known && !(isName.MatchString(english) && where != "page.html") && !strings.Contains(where, "text") {
			t.Errorf("%s: %q has no Chinese", where, english)
		}
	}
}
