package commandline

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

const (
	indent = "   "
	// width is the longest line of a help, in characters, where words allow it.
	width = 100
)

// writeGroup is the help of a group of commands, or of the whole program, whose command is nil.
func writeGroup(app *cli.App, name string, group *cli.Command, commands []*cli.Command) {
	usage, description, line := app.Usage, app.Description, name+" COMMAND [flags]"
	if group != nil {
		usage, description = group.Usage, group.Description
		if group.UsageText != "" {
			line = group.UsageText
		}
	}
	writeHead(app.Writer, name, usage, line, description)
	fmt.Fprint(app.Writer, "\nCOMMANDS:\n")
	table := tabwriter.NewWriter(app.Writer, 0, 0, 2, ' ', 0)
	for _, c := range commands {
		if !c.Hidden {
			fmt.Fprintf(table, "%s%s\t%s\n", indent, c.Name, c.Usage)
		}
	}
	_ = table.Flush() // as the others, to a terminal
	fmt.Fprintf(app.Writer, "\n%s COMMAND --help tells more.\n", name)
}

// writeCommand is the help of a command, whose flags have their values.
func writeCommand(app *cli.App, c *cli.Command) {
	writeHead(app.Writer, c.HelpName, c.Usage, c.UsageText, c.Description)
	fmt.Fprint(app.Writer, "\nOPTIONS:\n")
	for _, f := range c.Flags {
		if !visible(f) {
			continue
		}
		// Names, a tab, what it is for, its default and its variables.
		names, text, _ := strings.Cut(cli.FlagStringer(f), "\t")
		fmt.Fprintln(app.Writer, indent+names)
		writeWrapped(app.Writer, indent+indent+indent, text)
	}
	fmt.Fprintf(app.Writer, "%s--help, -h\n%sshow this\n", indent, indent+indent+indent)
}

func writeHead(out io.Writer, name, usage, line, description string) {
	fmt.Fprintf(out, "%s - %s\n\nUSAGE:\n%s%s\n", name, usage, indent, line)
	if description == "" {
		return
	}
	fmt.Fprintln(out)
	for line := range strings.Lines(strings.TrimRight(description, "\n") + "\n") {
		if strings.TrimSpace(line) != "" {
			line = indent + line
		}
		fmt.Fprint(out, line)
	}
}

// writeWrapped writes a text in lines that are not too long.
func writeWrapped(out io.Writer, indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && len(line)+1+len(word) > width {
			fmt.Fprintln(out, line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(out, line)
}

func visible(f cli.Flag) bool {
	v, ok := f.(cli.VisibleFlag)
	return !ok || v.IsVisible()
}
