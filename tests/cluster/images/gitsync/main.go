// Gitsync stands in for git-sync v4.2.4 in the tests of this project: its image is in no registry that
// they can reach. It takes the same flags and GITSYNC_ variables through the same library, lays out the
// root in the same way, writes the same log lines, and ends with the same codes, so that a manifest
// which works with it works with the real one, and a mistake fails as it would there.
//
// What it does not do it refuses: a flag in `undone` that is set to anything but its default ends the
// program with code 64 before it touches anything, and so does a GIT_SYNC_ variable of version 3.
// Metrics, webhooks, sparse checkouts, cookies, askpass URLs, sync on a signal and the manual are
// among them. It deviates from the real one in these ways too:
//
//   - passwords are kept by git's store helper in a private file below the temporary folder, where the
//     real one runs git's cache daemon; neither puts them in an argument;
//   - no askpass command is set, for `true` is a program of its own, and prompts are off: git says
//     "could not read Username" where it has no password;
//   - a git command that ran out of its time is not waited for longer than `grace`;
//   - --v, an old spelling of --verbose, is unknown.
//
// It runs git, and through it ssh, and nothing else, besides the command of --exechook-command.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

const version = "v4.2.4"

func main() {
	if os.Getpid() == 1 {
		os.Exit(beInit())
	}
	set := parsed()
	log := newLog(set.path(set.errorFile), set.verbose)
	if fault := set.settle(log); fault != "" {
		explain(fault)
		log.export(fault)
		os.Exit(1)
	}
	log.Info("starting up", "version", version, "pid", os.Getpid(), "uid", os.Getuid(),
		"gid", os.Getgid(), "home", os.Getenv("HOME"), "flags", spoken())
	repository, err := prepared(set, log)
	if err != nil {
		log.fail(err, "can't start")
		os.Exit(1)
	}
	keepInStep(set, repository, log)
}

// prepared makes the root and git's settings; nothing is fetched yet.
func prepared(set *settings, log *logger) (*repository, error) {
	if _, err := exec.LookPath(set.git); err != nil {
		return nil, fmt.Errorf("git executable not found: %w", err)
	}
	syscall.Umask(0o022)
	if err := set.makeRoot(log); err != nil {
		return nil, err
	}
	runner := &runner{log: log}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	said, err := runner.run(ctx, "", set.git, "version")
	if err != nil {
		return nil, err
	}
	log.Info("git version", "version", said)
	if err := configureGit(ctx, set, runner); err != nil {
		return nil, err
	}
	return &repository{settings: set, log: log, runner: runner}, nil
}

// keepInStep syncs until there is nothing more to sync or too much has failed. It has no handler for
// SIGTERM, as the real one hasn't: the signal ends it at once (code 143 as pid 1, see beInit).
func keepInStep(set *settings, repository *repository, log *logger) {
	hook := newHook(set, repository, log)
	failures, syncs := 0, 0
	for {
		ctx, cancel := context.WithTimeout(context.Background(), set.syncTimeout)
		if hash, changed, err := repository.sync(ctx); err != nil {
			failures++
			if set.maxFailures >= 0 && failures >= set.maxFailures {
				log.fail(err, "too many failures, aborting", "failCount", failures)
				os.Exit(1)
			}
			log.fail(err, "error syncing repo, will retry", "failCount", failures)
		} else {
			if changed || syncs == 0 {
				announce(set, hook, hash, log)
			}
			syncs++
			failures = 0
			if err := repository.clean(ctx); err != nil {
				log.fail(err, "git cleanup failed")
			}
			log.forget()
			if set.oneTime {
				status := hook.outcome()
				log.Info("exiting after one sync", "status", status)
				os.Exit(status)
			}
			if hash == set.ref {
				log.Info("ref appears to be a git hash, no further sync needed", "ref", set.ref)
				sleep()
			}
		}
		cancel()
		log.V(3).Info("next sync", "waitTime", set.period.String(), "syncCount", syncs)
		time.Sleep(set.period)
	}
}

func announce(set *settings, hook *hook, hash string, log *logger) {
	if file := set.path(set.touchFile); file != "" {
		if err := touch(file); err != nil {
			log.fail(err, "failed to touch touch-file", "path", file)
		}
	}
	hook.send(hash)
}

// sleep ends with an interrupt only; waiting for a signal keeps Go from seeing a deadlock.
func sleep() {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	<-interrupts
	os.Exit(0)
}
