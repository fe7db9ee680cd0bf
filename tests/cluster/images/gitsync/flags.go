package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// settings are the flags that this program acts on. The others are declared too, see declareUndone.
type settings struct {
	repo, ref, root, link, errorFile, touchFile, git, gc, submodules, hookCommand string
	username, password, passwordFile, knownHostsFile                              string
	depth, maxFailures, verbose                                                   int
	period, syncTimeout, staleTimeout, hookTimeout, hookBackoff                   time.Duration
	oneTime, knownHosts                                                           bool
	keyFiles                                                                      []string
	credentials                                                                   credentials
	branch, rev, dest, oldHookCommand                                             string
	permissions, oldMaxFailures, oldTimeout                                       int
	wait                                                                          float64
}

// parsed reads the flags and the environment. It ends the program for --help and --version, for a flag
// or value that is unknown (2), for a variable that can't be read (1), and for what is undone (64).
func parsed() *settings {
	set := &settings{}
	help := pflag.BoolP("help", "h", false, "print help text and exit")
	shown := pflag.Bool("version", false, "print the version and exit")
	set.declare(pflag.CommandLine)
	set.declareDeprecated(pflag.CommandLine)
	declareUndone(pflag.CommandLine)
	pflag.Usage = func() { usage(os.Stderr) }
	if err := readEnvironment(pflag.CommandLine); err != nil {
		fmt.Fprintln(os.Stderr, "FATAL:", err)
		os.Exit(1)
	}
	pflag.Parse()
	switch {
	case *shown:
		fmt.Println(version)
		os.Exit(0)
	case *help:
		usage(os.Stdout)
		os.Exit(0)
	}
	if refused := refusals(pflag.CommandLine); len(refused) > 0 {
		for _, line := range refused {
			fmt.Fprintln(os.Stderr, line)
		}
		os.Exit(64)
	}
	return set
}

func (s *settings) declare(on *pflag.FlagSet) {
	on.IntVarP(&s.verbose, "verbose", "v", 0, "log lines up to this level")
	on.StringVar(&s.repo, "repo", "", "the repository to sync (required)")
	on.StringVar(&s.ref, "ref", "HEAD", "the branch, tag or commit to sync")
	on.IntVar(&s.depth, "depth", 1, "how many commits to fetch, 0 for all")
	on.StringVar(&s.submodules, "submodules", "recursive", "recursive, shallow or off")
	on.StringVar(&s.root, "root", "", "the folder to work in (required)")
	on.StringVar(&s.link, "link", "", "the link to publish (the last part of --repo)")
	on.StringVar(&s.errorFile, "error-file", "", "a file for the last error")
	on.StringVar(&s.touchFile, "touch-file", "", "a file to touch after a sync")
	on.DurationVar(&s.period, "period", 10*time.Second, "the time between syncs, at least 10ms")
	on.DurationVar(&s.syncTimeout, "sync-timeout", 2*time.Minute, "the time for one sync, at least 10ms")
	on.BoolVar(&s.oneTime, "one-time", false, "exit after the first sync")
	on.IntVar(&s.maxFailures, "max-failures", 0, "failures in a row that end it, -1 for none")
	on.DurationVar(&s.staleTimeout, "stale-worktree-timeout", 0, "how long to keep worktrees that were left")
	on.StringVar(&s.hookCommand, "exechook-command", "", "a command to run after a sync")
	on.DurationVar(&s.hookTimeout, "exechook-timeout", 30*time.Second, "the time for the exechook")
	on.DurationVar(&s.hookBackoff, "exechook-backoff", 3*time.Second, "the time until the exechook is tried again")
	on.StringVar(&s.username, "username", "", "the user for git")
	on.StringVar(&s.passwordFile, "password-file", "", "the file with the password or token for git")
	on.Var(&s.credentials, "credential", "credentials as a JSON object or list")
	on.StringArrayVar(&s.keyFiles, "ssh-key-file", []string{"/etc/git-secret/ssh"}, "the SSH keys")
	on.BoolVar(&s.knownHosts, "ssh-known-hosts", true, "check the keys of SSH hosts")
	on.StringVar(&s.knownHostsFile, "ssh-known-hosts-file", "/etc/git-secret/known_hosts", "the known_hosts file")
	on.StringVar(&s.git, "git", "git", "the git command")
	on.StringVar(&s.gc, "git-gc", "always", "auto, always, aggressive or off")
}

func (s *settings) declareDeprecated(on *pflag.FlagSet) {
	on.StringVar(&s.branch, "branch", "", "")
	on.StringVar(&s.rev, "rev", "", "")
	on.StringVar(&s.dest, "dest", "", "")
	on.StringVar(&s.password, "password", "", "")
	on.StringVar(&s.oldHookCommand, "sync-hook-command", "", "")
	on.IntVar(&s.permissions, "change-permissions", 0, "")
	on.IntVar(&s.oldMaxFailures, "max-sync-failures", 0, "")
	on.IntVar(&s.oldTimeout, "timeout", 0, "")
	on.Float64Var(&s.wait, "wait", 0, "")
	on.Bool("ssh", false, "")
	for name, instead := range deprecated {
		if err := on.MarkDeprecated(name, instead); err != nil {
			panic(err)
		}
	}
}

// deprecated says what to use instead of each.
var deprecated = map[string]string{
	"branch":             "use --ref instead",
	"rev":                "use --ref instead",
	"dest":               "use --link instead",
	"password":           "use --password-file or $GITSYNC_PASSWORD instead",
	"sync-hook-command":  "use --exechook-command instead",
	"change-permissions": "use --group-write instead",
	"max-sync-failures":  "use --max-failures instead",
	"timeout":            "use --sync-timeout instead",
	"wait":               "use --period instead",
	"ssh":                "no longer necessary",
}

func usage(out io.Writer) {
	fmt.Fprintf(out, "Usage: %s [FLAGS...]\n\n FLAGS:\n", filepath.Base(os.Args[0]))
	pflag.CommandLine.SetOutput(out)
	pflag.PrintDefaults()
}
