package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What is wrong with a command line is said here in words of our own, once for all
// verbs: cobra and pflag speak of args and strconv.

// plainSpoken gives a command and those below it our words and our numbers.
func plainSpoken(c *cobra.Command) {
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return wrongUse{flagError(c, err)} })
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if slices.Contains([]string{"int", "int64", "uint64", "uint"}, f.Value.Type()) {
			f.Value = decimal{f.Value}
		}
	})
	if check := c.Args; check != nil && c.HasParent() && c.Name() != "completion" {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return wrongUse{argsError(c, args)}
			}
			return nil
		}
	}
	if run := c.PreRunE; run == nil {
		c.PreRunE = exclusive
	}
	for _, child := range c.Commands() {
		plainSpoken(child)
	}
}

// shells makes cobra's completion, which only has verbs, say so of one that it has not.
func shells(completion *cobra.Command) {
	completion.Long = strings.TrimSpace(completion.Long)
	completion.Args = nil
	completion.RunE = verb(func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		var names []string
		for _, shell := range c.Commands() {
			names = append(names, shell.Name())
		}
		return wrongUse{fmt.Errorf("there is no completion for %q: choose one of %s", args[0], strings.Join(names, ", "))}
	})
}

// decimal reads whole numbers as people write them: 010 is ten, and not eight.
type decimal struct{ pflag.Value }

func (d decimal) Set(text string) error {
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return errors.New("write a whole number, such as 10")
	}
	digits = strings.TrimLeft(digits[:len(digits)-1], "0") + digits[len(digits)-1:]
	if negative {
		digits = "-" + digits
	}
	if err := d.Value.Set(digits); err != nil {
		return errors.New("the number is too large, or too small")
	}
	return nil
}

// flagError says what is wrong with a flag.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	var badValue *pflag.InvalidValueError
	var badSyntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			name = "-" + unknown.GetSpecifiedName()
		}
		return fmt.Errorf("%s has no flag %s%s", c.CommandPath(), name, meant("--", closest(unknown.GetSpecifiedName(), flagNames(c))))
	case errors.As(err, &noValue):
		return fmt.Errorf("--%s needs a value", noValue.GetSpecifiedName())
	case errors.As(err, &badValue):
		return fmt.Errorf("--%s %q will not do: %s", badValue.GetFlag().Name, badValue.GetValue(), badFlagValue(badValue))
	case errors.As(err, &badSyntax):
		return fmt.Errorf("%q is no flag: write --name or --name=value", badSyntax.GetSpecifiedFlag())
	}
	return err
}

// badFlagValue says what the flag takes.
func badFlagValue(e *pflag.InvalidValueError) string {
	switch e.GetFlag().Value.Type() {
	case "duration":
		return "write a time, such as 500ms, 10s or 2m"
	case "float64":
		return "write a number, such as 0.9"
	case "bool":
		return "write true or false, or leave the value out"
	}
	return e.Unwrap().Error()
}

// argsError says what is missing, or too much.
func argsError(c *cobra.Command, args []string) error {
	line := strings.TrimSuffix(c.UseLine(), " [flags]")
	switch _, takes, found := strings.Cut(c.Use, " "); {
	case len(args) == 0:
		return fmt.Errorf("what to work on is missing: write %s", line)
	case !found:
		return fmt.Errorf("%s takes no file, and %q is one too many", c.CommandPath(), args[0])
	default:
		return fmt.Errorf("%s takes %s, and %q is one too many", c.CommandPath(), takes, args[len(args)-1])
	}
}

// unknownVerb is the error of the command that only has verbs.
func unknownVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return wrongUse{noSuchVerb(c.Root(), args[0])}
}

func noSuchVerb(root *cobra.Command, name string) error {
	if slices.Contains(verbNames(root), name) {
		return fmt.Errorf("%s is taken for a file behind --: write filemap %s", name, name)
	}
	return fmt.Errorf("there is no verb %q%s", name, meant("", closest(name, verbNames(root))))
}

// exclusive looks for flags that do not go together, before cobra does.
func exclusive(c *cobra.Command, _ []string) error {
	var wrong error
	c.Flags().Visit(func(f *pflag.Flag) {
		for _, group := range f.Annotations["cobra_annotation_mutually_exclusive"] {
			for other := range strings.FieldsSeq(group) {
				if other != f.Name && c.Flags().Changed(other) && wrong == nil {
					wrong = wrongUse{fmt.Errorf("--%s and --%s do not go together: choose one", f.Name, other)}
				}
			}
		}
	})
	return wrong
}

func verbNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			names = append(names, c.Name())
		}
	}
	return names
}

func flagNames(c *cobra.Command) []string {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

func meant(dashes, name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s%s?", dashes, name)
}

// closest is the name that takes the fewest changes, or one that begins so; "" where
// none is close.
func closest(name string, names []string) string {
	best, least := "", max(len(name)/3, 1)+1
	for _, candidate := range names {
		n := changes(strings.ToLower(name), candidate)
		if len(name) > 1 && strings.HasPrefix(candidate, strings.ToLower(name)) {
			n = min(n, 1)
		}
		if n < least {
			best, least = candidate, n
		}
	}
	return best
}

// changes counts the letters to insert, delete, replace or swap (the restricted
// Damerau–Levenshtein distance).
func changes(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(replaced, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
