package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/transfer"
	"github.com/docker-worker/docker-worker/worker"
	"github.com/docker-worker/docker-worker/worker/task"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "say what a worker would make of a task: the docker run line, its limits and its rights",
		UsageText: "docker-worker explain [flags] FILE|-",
		Description: `Nothing is run, and no engine is asked. The flags are those of the worker that the task is meant for.

Exit codes: 0 it would run; 7 it would be refused, and why; 2 usage; 3 configuration.`,
		Flags: flags([]cli.Flag{artifactStoreFlag()}, policyFlags()),
		Action: func(c *cli.Context) error {
			args, err := needArgs(c, "FILE")
			if err != nil {
				return err
			}
			policy, err := newPolicy(c)
			if err != nil {
				return err
			}
			t, body, err := parseFile(c, args[0], policy)
			if err != nil {
				return err
			}
			var asked map[string]json.RawMessage // what the task says itself
			if err := json.Unmarshal(body, &asked); err != nil {
				return err
			}
			return explain(c.App.Writer, t, asked, policy)
		},
	}
}

// explain writes what would run, and where each limit and right comes from.
func explain(w io.Writer, t *task.Task, asked map[string]json.RawMessage, policy task.Policy) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(out, "%s\n", runLine(worker.Preview(t, policy), secretNames(t)))
	if t.Stdin != "" {
		fmt.Fprintf(out, "\nstdin\t%d bytes\n", len(t.Stdin))
	}

	fmt.Fprint(out, "\nlimit\tvalue\tfrom\n")
	limits := policy.Limits(t.Resources)
	row := func(name string, set bool, value any, otherwise string) {
		if !set {
			fmt.Fprintf(out, "%s\t%s\t\n", name, otherwise)
			return
		}
		fmt.Fprintf(out, "%s\t%v\t%s\n", name, value, limits.Origins[name])
	}
	row("memory", limits.Memory > 0, limits.Memory, "nine tenths of the host's")
	row("cpus", limits.CPUs > 0, limits.CPUs, "all of the host's")
	row("pids", limits.PIDs > 0, limits.PIDs, "none")
	row("shmSize", limits.ShmSize > 0, limits.ShmSize, "the engine's (64m)")
	row("disk", limits.Disk > 0, limits.Disk, "none")
	row("gpus", limits.GPUs > 0, limits.GPUs, "none")
	for _, name := range slices.Sorted(maps.Keys(limits.Ulimits)) {
		u := limits.Ulimits[name]
		fmt.Fprintf(out, "ulimit %s\t%d, at most %d\t%s\n", name, u.Soft, u.Hard, limits.Origins["ulimits"])
	}
	origin := func(field string, lowered bool) task.Origin {
		switch {
		case asked[field] != nil:
			return task.FromTask
		case lowered:
			return task.FromMaximum
		}
		return task.FromDefault
	}
	fmt.Fprintf(out, "maxRunTime\t%v\t%s\n", t.MaxRunTime.Duration(), origin("maxRunTime", t.MaxRunTime.Duration() < task.DefaultMaxRunTime))
	fmt.Fprintf(out, "maxAttempts\t%d\t%s\n", t.MaxAttempts, origin("maxAttempts", t.MaxAttempts < task.DefaultMaxAttempts))

	fmt.Fprint(out, "\nright beyond the ordinary\tallowed by\n")
	rights := t.Rights()
	for _, r := range rights {
		fmt.Fprintf(out, "%s\t--allow %s\n", r.Field, r.Flag)
	}
	if len(rights) == 0 {
		fmt.Fprint(out, "none\t\n")
	}
	explainRest(out, t)
	return out.Flush()
}

// explainRest names what no docker run line says.
func explainRest(out io.Writer, t *task.Task) {
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(out, "\n%s\n%s\n", title, strings.Join(lines, "\n"))
		}
	}
	var lines []string
	if worker.Joins(t) {
		lines = append(lines, t.Network+"\ta sandbox of the worker (its --sandboxes), closed to what it denies (--deny-network)")
	} else {
		lines = append(lines, t.Network+"\tmade for this task, or as it is; what the worker denies in its sandboxes is not denied here")
	}
	list("network\thow", lines)
	lines = nil
	for _, p := range slices.Sorted(maps.Keys(t.Files)) {
		f := t.Files[p]
		var from string
		if f.Content != nil {
			from = fmt.Sprintf("%d bytes of the task", len(*f.Content))
		} else {
			from = transfer.Redact(f.URL)
		}
		lines = append(lines, fmt.Sprintf("%s\t%s", p, from))
	}
	list("file\tfrom", lines)
	lines = nil
	for _, name := range slices.Sorted(maps.Keys(t.Cache)) {
		lines = append(lines, fmt.Sprintf("%s\t%s", name, t.Cache[name]))
	}
	list("cache\tat", lines)
	lines = nil
	for _, name := range slices.Sorted(maps.Keys(t.Services)) {
		s := t.Services[name]
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s", name, s.Image.Reference, readyWhen(s.Ready)))
	}
	list("service\timage\tready", lines)
	lines = nil
	for _, name := range slices.Sorted(maps.Keys(t.Artifacts)) {
		a := t.Artifacts[name]
		to := "the worker's artifact store"
		if a.URL != "" {
			to = transfer.Redact(a.URL)
		}
		lines = append(lines, fmt.Sprintf("%s\t%s %s\t%s", name, a.Type, a.Path, to))
	}
	list("artifact\twhat\tto", lines)
}

func readyWhen(r *task.Ready) string {
	switch {
	case r != nil && r.TCP != 0:
		return fmt.Sprintf("port %d takes a connection", r.TCP)
	case r != nil && r.HTTP != nil:
		return fmt.Sprintf("port %d answers for %s", r.HTTP.Port, cmp.Or(r.HTTP.Path, "/"))
	}
	return "its HEALTHCHECK says so, or at its start"
}

// secretNames are the variables whose values are not shown.
func secretNames(t *task.Task) []string {
	names := slices.Clone(t.Secrets)
	for name, v := range t.Env {
		if v.Sealed != "" {
			names = append(names, name)
		}
	}
	return names
}
