package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// grace is what the children of a command that ran out of its time get to let go of its output.
const grace = time.Second

// runner runs one command at a time.
type runner struct{ log *logger }

func (r *runner) run(ctx context.Context, folder, command string, arguments ...string) (string, error) {
	return r.with(ctx, folder, "", nil, command, arguments...)
}

// with gives the command an input and more environment. It returns the trimmed output; the error tells
// the command line and all that it said.
func (r *runner) with(
	ctx context.Context, folder, input string, environment []string, command string, arguments ...string,
) (string, error) {
	line := commandLine(command, arguments)
	r.log.V(5).Info("running command", "cwd", folder, "cmd", line)
	process := exec.CommandContext(ctx, command, arguments...)
	process.Dir = folder
	process.Env = append(os.Environ(), environment...)
	process.WaitDelay = grace
	var out, failure bytes.Buffer
	process.Stdin, process.Stdout, process.Stderr = strings.NewReader(input), &out, &failure
	err := process.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = ctx.Err()
	}
	said, complaint := strings.TrimSpace(out.String()), strings.TrimSpace(failure.String())
	if err != nil {
		return said, fmt.Errorf("Run(%s): %w: { stdout: %q, stderr: %q }", line, err, said, complaint)
	}
	r.log.V(6).Info("command result", "stdout", said, "stderr", complaint)
	return said, nil
}

// commandLine quotes what has a space in it.
func commandLine(command string, arguments []string) string {
	words := append([]string{command}, arguments...)
	for i, word := range words {
		if strings.ContainsAny(word, " \t\n") {
			words[i] = fmt.Sprintf("%q", word)
		}
	}
	return strings.Join(words, " ")
}
