package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

func (r *repository) link() string {
	return r.settings.path(r.settings.link)
}

// published is the commit that the link leads to, empty if there is none, or if the link leads to
// somewhere else than its worktree.
func (r *repository) published() (string, error) {
	target, err := os.Readlink(r.link())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(r.link()), target)
	}
	hash := filepath.Base(target)
	if target != r.worktree(hash) {
		return "", nil
	}
	return hash, nil
}

// publish moves the link in one step. It is relative, for other containers may have the volume
// elsewhere. The worktree that is left ages from now on.
func (r *repository) publish(hash, left string) error {
	link := r.link()
	folder := filepath.Dir(link)
	if err := os.MkdirAll(folder, 0o775); err != nil {
		return fmt.Errorf("error making symlink dir: %w", err)
	}
	target, err := filepath.Rel(folder, r.worktree(hash))
	if err != nil {
		return fmt.Errorf("error converting to relative path: %w", err)
	}
	temporary := filepath.Join(folder, "tmp-link")
	if err := os.Symlink(target, temporary); err != nil {
		return fmt.Errorf("error creating symlink: %w", err)
	}
	if err := os.Rename(temporary, link); err != nil {
		return fmt.Errorf("error replacing symlink: %w", err)
	}
	if left != "" {
		if err := touch(r.worktree(left)); err != nil {
			r.log.fail(err, "can't change stale worktree mtime", "path", r.worktree(left))
		}
	}
	return nil
}

// touch makes the file if it isn't there, and its times now.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o775); err != nil {
		return err
	}
	now := time.Now()
	err := os.Chtimes(path, now, now)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return file.Close()
}
