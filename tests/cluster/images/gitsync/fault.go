package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// explain says what is wrong before and after the usage, which is long.
func explain(fault string) {
	fmt.Fprintln(os.Stderr, fault)
	pflag.Usage()
	fmt.Fprintln(os.Stderr, fault)
}

// settle takes deprecated flags over, fills in what follows from others, and returns the first fault.
func (s *settings) settle(log *logger) string {
	if s.root == "" {
		return "required flag: --root must be specified"
	}
	if s.repo == "" {
		return "required flag: --repo must be specified"
	}
	if s.branch != "" && s.rev != "" && s.rev != "HEAD" {
		return "deprecated flag combo: can't set --ref from deprecated --branch and --rev (one or the other is OK)"
	}
	s.takeOver(log)
	if s.link == "" {
		s.link = filepath.Base(strings.Trim(s.repo, "/"))
	}
	for _, fault := range []string{s.faultOfSync(), s.faultOfHook(), s.faultOfPassword(), s.credentials.fault()} {
		if fault != "" {
			return fault
		}
	}
	return ""
}

func (s *settings) takeOver(log *logger) {
	take := func(to *string, flag, old, value string) {
		if value != "" {
			log.Info(fmt.Sprintf("setting --%s from deprecated --%s", flag, old))
			*to = value
		}
	}
	take(&s.ref, "ref", "rev", s.rev)
	take(&s.ref, "ref", "branch", s.branch)
	take(&s.link, "link", "dest", s.dest)
	take(&s.hookCommand, "exechook-command", "sync-hook-command", s.oldHookCommand)
	if s.wait != 0 {
		log.Info("setting --period from deprecated --wait")
		s.period = time.Duration(int(s.wait*1000)) * time.Millisecond
	}
	if s.oldTimeout != 0 {
		log.Info("setting --sync-timeout from deprecated --timeout")
		s.syncTimeout = time.Duration(s.oldTimeout) * time.Second
	}
	if s.oldMaxFailures != 0 {
		log.Info("setting --max-failures from deprecated --max-sync-failures")
		s.maxFailures = s.oldMaxFailures
	}
}

func (s *settings) faultOfSync() string {
	switch {
	case s.ref == "":
		return "required flag: --ref must be specified"
	case s.depth < 0:
		return "invalid flag: --depth must be greater than or equal to 0"
	case !slices.Contains([]string{"recursive", "shallow", "off"}, s.submodules):
		return `invalid flag: --submodules must be one of "recursive", "shallow", or "off"`
	case !slices.Contains([]string{"auto", "always", "aggressive", "off"}, s.gc):
		return `invalid flag: --git-gc must be one of "auto", "always", "aggressive", or "off"`
	case s.period < 10*time.Millisecond:
		return "invalid flag: --period must be at least 10ms"
	case s.permissions != 0:
		return "deprecated flag: --change-permissions is no longer supported"
	case s.syncTimeout < 10*time.Millisecond:
		return "invalid flag: --sync-timeout must be at least 10ms"
	}
	return ""
}

func (s *settings) faultOfHook() string {
	switch {
	case s.hookCommand == "":
		return ""
	case s.hookTimeout < time.Second:
		return "invalid flag: --exechook-timeout must be at least 1s"
	case s.hookBackoff < time.Second:
		return "invalid flag: --exechook-backoff must be at least 1s"
	}
	return ""
}

func (s *settings) faultOfPassword() string {
	location, err := url.Parse(s.repo)
	switch {
	case s.username == "" && s.password != "":
		return "invalid flag: $GITSYNC_PASSWORD may only be specified when --username is specified"
	case s.username == "" && s.passwordFile != "":
		return "invalid flag: --password-file may only be specified when --username is specified"
	case s.username == "":
		return ""
	case s.password == "" && s.passwordFile == "":
		return "required flag: $GITSYNC_PASSWORD or --password-file must be specified when --username is specified"
	case s.password != "" && s.passwordFile != "":
		return "invalid flag: only one of $GITSYNC_PASSWORD and --password-file may be specified"
	case err == nil && location.User != nil:
		return "invalid flag: credentials may not be specified in --repo when --username is specified"
	}
	return ""
}

// path is below the root unless it is absolute; nothing stays nothing.
func (s *settings) path(given string) string {
	if given == "" || filepath.IsAbs(given) {
		return given
	}
	return filepath.Join(s.root, given)
}

// makeRoot makes the folder and takes the links out of its path: git tells where it really is.
func (s *settings) makeRoot(log *logger) error {
	given := s.root
	absolute, err := filepath.Abs(given)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(absolute, 0o775); err != nil {
		return fmt.Errorf("can't make root dir: %w", err)
	}
	if s.root, err = filepath.EvalSymlinks(absolute); err != nil {
		return fmt.Errorf("can't normalize root path: %w", err)
	}
	if s.root != given {
		log.Info("normalized root path", "root", given, "result", s.root)
	}
	return nil
}
