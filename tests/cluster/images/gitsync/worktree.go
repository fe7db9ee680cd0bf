package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// worktree is the checkout of a commit.
func (r *repository) worktree(hash string) string {
	return filepath.Join(r.settings.root, ".worktrees", hash)
}

func (r *repository) worktreeIsGood(ctx context.Context, hash string) bool {
	folder := r.worktree(hash)
	entries, err := os.ReadDir(folder)
	if err != nil {
		r.log.fail(err, "can't list worktree directory", "path", folder)
		return false
	}
	if len(entries) == 0 {
		return false
	}
	head, err := r.gitIn(ctx, folder, "rev-parse", "HEAD")
	if err != nil || head != hash {
		r.log.fail(err, "worktree HEAD does not match worktree", "path", folder, "head", head)
		return false
	}
	if _, err := r.gitIn(ctx, folder, "fsck", "--no-progress", "--connectivity-only"); err != nil {
		r.log.fail(err, "worktree fsck failed", "path", folder)
		return false
	}
	return true
}

// addWorktree registers a folder for the commit in place of what a crash may have left there.
func (r *repository) addWorktree(ctx context.Context, hash string) error {
	folder := r.worktree(hash)
	if exists(folder) {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		if _, err := r.git(ctx, "worktree", "prune", "--verbose"); err != nil {
			return err
		}
	}
	_, err := r.git(ctx, "worktree", "add", "--force", "--detach", folder, hash, "--no-checkout")
	return err
}

// checkOut writes the files of the commit and its submodules. The worktree points to the repository by
// a relative path, for other containers may have the volume elsewhere.
func (r *repository) checkOut(ctx context.Context, hash string) error {
	folder := r.worktree(hash)
	pointer := "gitdir: " + filepath.Join("..", "..", ".git", "worktrees", hash) + "\n"
	if err := os.WriteFile(filepath.Join(folder, ".git"), []byte(pointer), 0o644); err != nil {
		return err
	}
	if _, err := r.gitIn(ctx, folder, "reset", "--hard", hash, "--"); err != nil {
		return err
	}
	if r.settings.submodules == "off" {
		return nil
	}
	arguments := []string{"submodule", "update", "--init"}
	if r.settings.submodules == "recursive" {
		arguments = append(arguments, "--recursive")
	}
	if r.settings.depth != 0 {
		arguments = append(arguments, "--depth", strconv.Itoa(r.settings.depth))
	}
	_, err := r.gitIn(ctx, folder, arguments...)
	return err
}

// clean removes worktrees that were left longer ago than --stale-worktree-timeout, and lets git forget
// their commits.
func (r *repository) clean(ctx context.Context) error {
	removed, err := r.removeStale()
	if err != nil || removed == 0 {
		return err
	}
	_, pruned := r.git(ctx, "worktree", "prune", "--verbose")
	_, expired := r.git(ctx, "reflog", "expire", "--expire-unreachable=all", "--all")
	failures := []error{pruned, expired}
	if arguments := collection[r.settings.gc]; arguments != nil {
		_, collected := r.git(ctx, arguments...)
		failures = append(failures, collected)
	}
	return errors.Join(failures...)
}

// collection is what git is called with for each --git-gc; "off" isn't in it.
var collection = map[string][]string{
	"auto":       {"gc", "--auto"},
	"always":     {"gc"},
	"aggressive": {"gc", "--aggressive"},
}

func (r *repository) removeStale() (removed int, err error) {
	current, err := r.published()
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(r.worktree(""))
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.Name() == current || time.Since(info.ModTime()) <= r.settings.staleTimeout {
			continue
		}
		if err := os.RemoveAll(r.worktree(entry.Name())); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
