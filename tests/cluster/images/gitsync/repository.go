package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// repository is the root: git's objects in `.git`, a checkout per commit in `.worktrees`, and the link.
type repository struct {
	settings *settings
	log      *logger
	runner   *runner
	updates  int
}

// git runs in the root.
func (r *repository) git(ctx context.Context, arguments ...string) (string, error) {
	return r.gitIn(ctx, r.settings.root, arguments...)
}

func (r *repository) gitIn(ctx context.Context, folder string, arguments ...string) (string, error) {
	return r.runner.run(ctx, folder, r.settings.git, arguments...)
}

// sync fetches the ref and publishes its commit. It returns the commit, and whether it is another one
// than was published before.
func (r *repository) sync(ctx context.Context) (hash string, changed bool, err error) {
	if err := r.settings.credentials.hand(ctx, r.settings.git, r.runner); err != nil {
		return "", false, fmt.Errorf("credential refresh failed: %w", err)
	}
	if err := r.initialize(ctx); err != nil {
		return "", false, err
	}
	local, err := r.published()
	if err != nil {
		return "", false, err
	}
	if err := r.fetch(ctx); err != nil {
		return "", false, err
	}
	remote, err := r.git(ctx, "rev-parse", "FETCH_HEAD^{}")
	if err != nil {
		return "", false, err
	}
	if local == remote && !r.worktreeIsGood(ctx, local) {
		r.log.Info("worktree failed checks or was empty", "path", r.worktree(local))
		local = ""
	}
	changed = local != remote
	if !changed && r.updates > 0 {
		r.log.V(2).Info("update not required", "ref", r.settings.ref, "remote", remote, "syncCount", r.updates)
		return remote, false, nil
	}
	return remote, changed, r.update(ctx, local, remote)
}

func (r *repository) update(ctx context.Context, local, remote string) error {
	ref := r.settings.ref
	r.log.Info("update required", "ref", ref, "local", local, "remote", remote, "syncCount", r.updates)
	if _, err := r.git(ctx, "reset", "--soft", remote); err != nil {
		return err
	}
	if local != remote {
		if err := r.addWorktree(ctx, remote); err != nil {
			return err
		}
	}
	if err := r.checkOut(ctx, remote); err != nil {
		return err
	}
	if local != remote {
		if err := r.publish(remote, local); err != nil {
			return err
		}
	}
	r.updates++
	r.log.Info("updated successfully", "ref", ref, "remote", remote, "syncCount", r.updates)
	return nil
}

func (r *repository) fetch(ctx context.Context) error {
	arguments := []string{
		"fetch", r.settings.repo, r.settings.ref, "--verbose", "--no-progress", "--prune", "--no-auto-gc",
	}
	if r.settings.depth > 0 {
		arguments = append(arguments, "--depth", strconv.Itoa(r.settings.depth))
	} else if shallow, err := r.git(ctx, "rev-parse", "--is-shallow-repository"); err != nil {
		return err
	} else if shallow == "true" {
		arguments = append(arguments, "--unshallow")
	}
	_, err := r.git(ctx, arguments...)
	return err
}

// initialize makes the root a repository. Whatever else is in it is removed: it may be what a crash
// left, and the folder itself may be a mount, which can't be replaced.
func (r *repository) initialize(ctx context.Context) error {
	root := r.settings.root
	if !r.isGood(ctx) {
		r.log.Info("repo directory was empty or failed checks", "path", root)
		if err := empty(root); err != nil {
			return fmt.Errorf("can't wipe unusable root directory: %w", err)
		}
		r.log.Info("initializing repo directory", "path", root)
		if _, err := r.git(ctx, "init", "-b", "git-sync"); err != nil {
			return err
		}
		if !r.isGood(ctx) {
			return errors.New("can't initialize git repo directory")
		}
	}
	// A submodule's relative path is relative to this.
	_, err := r.git(ctx, "config", "remote.origin.url", r.settings.repo)
	return err
}

// isGood: the root is the top of a sound repository that no crashed git has locked.
func (r *repository) isGood(ctx context.Context) bool {
	root := r.settings.root
	entries, err := os.ReadDir(root)
	if err != nil {
		r.log.fail(err, "can't list repo directory", "path", root)
	}
	if len(entries) == 0 {
		return false
	}
	top, err := r.git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		r.log.fail(err, "can't get repo toplevel", "path", root)
		return false
	}
	if top != root {
		r.log.fail(nil, "repo directory is under another repo", "path", root, "parent", top)
		return false
	}
	if _, err := r.git(ctx, "fsck", "--no-progress", "--connectivity-only"); err != nil {
		r.log.fail(err, "repo fsck failed", "path", root)
		return false
	}
	if lock := filepath.Join(root, ".git", "shallow.lock"); exists(lock) {
		r.log.fail(nil, "repo contains lock file", "path", lock)
		return false
	}
	return true
}

// empty removes all that it can; the error has what it couldn't.
func empty(folder string) error {
	entries, err := os.ReadDir(folder)
	failures := []error{err}
	for _, entry := range entries {
		failures = append(failures, os.RemoveAll(filepath.Join(folder, entry.Name())))
	}
	return errors.Join(failures...)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
