// Command docker-worker runs tasks from a RabbitMQ queue, each in its own Docker container, and relays everything that
// happens over AMQP. README.md shows it at work; docs/architecture.md says how it is made.
//
// Each command has a file of its own here: it turns flags and environment into configuration and connects the packages
// dockerapi, amqp and worker, which do the work.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/commandline"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	code, message := report(commandline.Run(ctx, newApp(stdin, stdout, stderr), args))
	if message != "" {
		fmt.Fprintln(stderr, "docker-worker: "+message)
	}
	return code
}

// newApp describes the program: its commands, their flags, and what they do.
func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:      "docker-worker",
		Usage:     "run tasks from a RabbitMQ queue, each in its own Docker container",
		Version:   version(),
		Reader:    stdin,
		Writer:    stdout,
		ErrWriter: stderr,
		Description: `A task is one JSON message. A worker takes it from a queue, runs it in a container, and tells its states,
its log and its outcome on the exchange ` + "docker-worker.events" + `.

   docker-worker queue declare builds            make a queue, and one for messages that nobody can run
   docker-worker start builds                    take tasks from it
   docker-worker submit --follow builds t.json   send a task, see its log, end with its exit code
   docker-worker run t.json                      run a task here and now, without a broker

Every flag can be set in the environment: --max-run-time is DOCKER_WORKER_MAX_RUN_TIME.`,
		Commands: []*cli.Command{
			startCommand(),
			runCommand(),
			submitCommand(),
			validateCommand(),
			explainCommand(),
			schemaCommand(),
			queueCommand(),
			keyCommand(),
			sealCommand(),
			cancelCommand(),
			drainCommand(),
			reapCommand(),
			cacheCommand(),
			versionCommand(),
			sandboxCommand(),
		},
	}
}
