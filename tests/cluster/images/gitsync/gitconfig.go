package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// configureGit gives git a configuration of its own in the temporary folder, the passwords and the way
// to use ssh. What git asks on a terminal or through a program stays unanswered.
func configureGit(ctx context.Context, set *settings, runner *runner) error {
	folder, err := os.MkdirTemp("", "git-sync.gitconfig.*")
	if err != nil {
		return fmt.Errorf("can't create gitconfig file: %w", err)
	}
	if err := set.gather(); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL":   filepath.Join(folder, "config"),
		"GIT_CONFIG_NOSYSTEM": "true",
		"GIT_TERMINAL_PROMPT": "0",
		"GIT_SSH_COMMAND":     sshCommand(set),
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	for _, name := range []string{"GIT_ASKPASS", "SSH_ASKPASS"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	for _, pair := range [][2]string{
		{"gc.autoDetach", "false"},
		{"gc.pruneExpire", "now"},
		{"credential.helper", "store --file=" + filepath.Join(folder, "credentials")},
		{"safe.directory", "*"},
	} {
		if _, err := runner.run(ctx, "", set.git, "config", "--global", pair[0], pair[1]); err != nil {
			return fmt.Errorf("can't set default git configs: %w", err)
		}
	}
	return nil
}

// sshCommand names the keys whether they are there or not: who doesn't use ssh has none, and ssh itself
// warns of one that it can't read and goes on.
func sshCommand(set *settings) string {
	words := []string{"ssh"}
	if given := os.Getenv("GIT_SSH_COMMAND"); given != "" {
		words[0] = given
	}
	for _, key := range set.keyFiles {
		words = append(words, "-i", key)
	}
	if set.knownHosts {
		words = append(words, "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+set.knownHostsFile)
	} else {
		words = append(words, "-o", "StrictHostKeyChecking=no")
	}
	return strings.Join(words, " ")
}
