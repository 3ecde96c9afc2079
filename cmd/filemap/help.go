package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/internal/terminal"
)

// helpColumns is the width that the texts of help are written for. On a narrower
// terminal they are broken anew.
const helpColumns = 100

// newHelp is the verb help: one that names no verb is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Explain a verb",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return verbNames(c.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: verb(func(c *cobra.Command, args []string) error {
			about := c.Root()
			if len(args) == 1 {
				found, rest, err := c.Root().Find(args)
				if err != nil || len(rest) > 0 || found == c.Root() {
					return wrongUse{noSuchVerb(c.Root(), args[0])}
				}
				about = found
			}
			return about.Help()
		}),
	}
}

// showHelp writes what a command is for, as wide as the place is.
func showHelp(c *cobra.Command, _ []string) {
	w := c.OutOrStdout()
	look := terminal.Of(w)
	if err := look.Write(w, helpText(c, look.Columns)); err != nil {
		c.PrintErrln("filemap:", err)
	}
}

func helpText(c *cobra.Command, columns int) string {
	if columns == 0 || columns > helpColumns {
		columns = helpColumns
	}
	var b strings.Builder
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	reflow(&b, about, columns)
	fmt.Fprintf(&b, "\nUsage:\n")
	listing(&b, "  "+strings.TrimSuffix(c.UseLine(), " [flags]")+" [flags]", columns)
	if c.HasExample() {
		b.WriteString("\nExamples:\n")
		reflow(&b, c.Example, columns)
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nVerbs:\n")
		for _, child := range c.Commands() {
			if child.IsAvailableCommand() || child.Name() == "help" {
				listing(&b, fmt.Sprintf("  %-*s  %s", c.NamePadding(), child.Name(), child.Short), columns)
			}
		}
	}
	if flags := c.LocalFlags().FlagUsages(); flags != "" {
		b.WriteString("\nFlags:\n")
		for line := range strings.Lines(flags) {
			listing(&b, strings.TrimRight(line, " \n"), columns)
		}
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n")
		reflow(&b, "\"filemap help VERB\" explains a verb.", columns)
	}
	return b.String()
}

// reflow writes paragraphs. Lines that begin with a space are a list, and stay.
func reflow(b *strings.Builder, text string, columns int) {
	var paragraph []string
	end := func() {
		for _, line := range terminal.Wrap(strings.Join(paragraph, " "), columns) {
			b.WriteString(line + "\n")
		}
		paragraph = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			end()
			b.WriteString("\n")
		case line[0] == ' ':
			end()
			listing(b, line, columns)
		default:
			paragraph = append(paragraph, line)
		}
	}
	end()
}

// twoColumns is a line of a list: a term, two spaces or more, and what it means.
var twoColumns = regexp.MustCompile(`^( +(?:-\w, )?\S+(?: \S+)*) {2,}(\S.*)$`)

// leastMeaning is how many columns must be left for the second column to stay beside
// the first.
const leastMeaning = 24

// listing writes a line of a list. Where there is no room for its second column that
// goes below the first.
func listing(b *strings.Builder, line string, columns int) {
	if terminal.Width(line) <= columns {
		b.WriteString(line + "\n")
		return
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	m := twoColumns.FindStringSubmatchIndex(line)
	if m == nil {
		for _, l := range terminal.Hang(indent, "    ", line, columns) {
			b.WriteString(l + "\n")
		}
		return
	}
	term, meaning := line[:m[3]], line[m[4]:]
	if at := terminal.Width(line[:m[4]]); columns-at >= leastMeaning {
		for i, l := range terminal.Wrap(meaning, columns-at) {
			if i == 0 {
				b.WriteString(line[:m[4]] + l + "\n")
			} else {
				b.WriteString(strings.Repeat(" ", at) + l + "\n")
			}
		}
		return
	}
	for _, l := range terminal.Hang(indent, "    ", term, columns) {
		b.WriteString(l + "\n")
	}
	for _, l := range terminal.Hang("        ", "", meaning, columns) {
		b.WriteString(l + "\n")
	}
}

// complain writes an error, and where to read more if it is one of the command line.
func complain(stderr io.Writer, err error, usage bool) {
	text := "filemap: " + err.Error() + "\n"
	if usage {
		text += "Try 'filemap help'.\n"
	}
	_ = terminal.Of(stderr).Write(stderr, text) // there is nowhere left to say that it failed
}
