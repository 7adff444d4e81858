package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Run is the process. It returns after SIGTERM, or at once with an error where the network cannot be closed as the
// policy wants, or the rights not be given up. It is for a process that does nothing else.
func Run(p Policy, questions io.Reader, answers io.Writer) error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT) // which process 1 does not get otherwise
	if err := closeNetwork(p); err != nil {
		return fmt.Errorf("close the network: %w", err)
	}
	if err := dropRights(); err != nil {
		return err
	}
	before, err := look()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(answers, Ready); err != nil {
		return fmt.Errorf("say that the network is ready: %w", err)
	}
	go func() {
		lines := bufio.NewScanner(questions)
		for lines.Scan() {
			fmt.Fprintln(answers, answer(lines.Text(), before))
		}
	}()
	<-end
	return nil
}

func answer(question string, before traces) Answer {
	if question != Check {
		return Answer{Dirty: "was asked what it does not know"}
	}
	now, err := look()
	if err != nil {
		return Answer{Dirty: err.Error()}
	}
	a := Answer{Dirty: before.compare(now)}
	if a.In, a.Out, err = traffic(); err != nil {
		a.Dirty = err.Error()
	}
	return a
}
