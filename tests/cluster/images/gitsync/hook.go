package main

import (
	"context"
	"time"
)

// hook is the command of --exechook-command. It runs beside the syncs, for the newest commit only, until
// it has succeeded for it.
type hook struct {
	settings   *settings
	repository *repository
	log        *logger
	hashes     chan string
	first      chan error
}

func newHook(set *settings, repository *repository, log *logger) *hook {
	made := &hook{set, repository, log, make(chan string, 1), make(chan error, 1)}
	if set.hookCommand != "" {
		go made.serve()
	}
	return made
}

// send never waits: a commit that the hook hasn't come to is replaced.
func (h *hook) send(hash string) {
	select {
	case <-h.hashes:
	default:
	}
	h.hashes <- hash
}

// outcome is the exit code after the first run: 1 if it failed.
func (h *hook) outcome() int {
	if h.settings.hookCommand == "" || <-h.first == nil {
		return 0
	}
	return 1
}

func (h *hook) serve() {
	for hash := range h.hashes {
		for err := h.run(hash); err != nil; err = h.run(hash) {
			h.log.fail(err, "hook failed", "hash", hash)
			h.tell(err)
			time.Sleep(h.settings.hookBackoff)
			select {
			case hash = <-h.hashes:
			default:
			}
		}
		h.tell(nil)
	}
}

// tell is for outcome. With --one-time the process ends at that: what is to be logged was logged before, as
// the real one does it (sendOneTimeResultAndTerminate).
func (h *hook) tell(err error) {
	select {
	case h.first <- err:
	default:
	}
}

func (h *hook) run(hash string) error {
	command, folder := h.settings.hookCommand, h.repository.worktree(hash)
	ctx, cancel := context.WithTimeout(context.Background(), h.settings.hookTimeout)
	defer cancel()
	h.log.Info("running exechook", "hash", hash, "command", command, "timeout", h.settings.hookTimeout.String())
	runner := &runner{log: h.log}
	_, err := runner.with(ctx, folder, "", []string{"GITSYNC_HASH=" + hash}, command)
	return err
}
