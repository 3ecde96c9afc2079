// Package words says in English and in Chinese what a trace tells its reader. One
// table has every sentence and label, so that no text of a page is in one language only.
package words

import (
	"fmt"
	"strings"

	"github.com/filemap-go/filemap/observe/event"
)

// Of says a text in both languages. It is the format's English and the key of the
// table; what stands before a bar, as in "phase|read", tells apart words that are one in
// English only. Arguments that are a [event.Bilingue] are said in the language of the
// text around them. A text that the table has not is English in both.
func Of(format string, args ...any) event.Bilingue {
	chinese, known := table[format]
	_, english, marked := strings.Cut(format, "|")
	if !marked {
		english = format
	}
	if !known {
		chinese = english
	}
	return event.Bilingue{
		English: say(english, args, func(b event.Bilingue) string { return b.English }),
		Chinese: say(chinese, args, func(b event.Bilingue) string { return b.Chinese }),
	}
}

// Same is a text that is the same in both languages: a name, a number, an error of the
// system.
func Same(text string) event.Bilingue { return event.Bilingue{English: text, Chinese: text} }

func say(format string, args []any, in func(event.Bilingue) string) string {
	if len(args) == 0 {
		return format
	}
	said := make([]any, len(args))
	for i, a := range args {
		if b, ok := a.(event.Bilingue); ok {
			said[i] = in(b)
		} else {
			said[i] = a
		}
	}
	return fmt.Sprintf(format, said...)
}
