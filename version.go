package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// buildVersion and buildCommit are set by the linker in a release (make build).
var buildVersion, buildCommit string

// version of this program: the release's, or "devel".
func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	return "devel"
}

func commit() string {
	if buildCommit != "" {
		return buildCommit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:      "version",
		Usage:     "print the version of this program, and what it speaks",
		UsageText: "docker-worker version",
		Action: func(c *cli.Context) error {
			if _, err := needArgs(c); err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "docker-worker %s\ncommit      %s\nGo          %s %s/%s\nDocker API  1.41 to 1.44, others by --docker-api-version\nAMQP        0-9-1\n",
				version(), commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
