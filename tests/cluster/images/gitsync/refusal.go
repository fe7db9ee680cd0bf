package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
)

// undone are the flags that are accepted at their defaults only: acting on them would take more than
// the tests need, and ignoring them would let a test rely on something that isn't there.
var undone []string

func declareUndone(on *pflag.FlagSet) {
	on.Bool("man", false, "print the full manual and exit")
	on.String("sparse-checkout-file", "", "a sparse-checkout file")
	on.String("sync-on-signal", "", "the signal to sync on")
	on.Bool("add-user", false, "add the user to /etc/passwd")
	on.Bool("group-write", false, "make all data writable for the group")
	on.String("webhook-url", "", "a URL to call after a sync")
	on.String("webhook-method", "POST", "the method of the webhook")
	on.Int("webhook-success-status", 200, "the status that a good webhook answers with")
	on.Duration("webhook-timeout", time.Second, "the time for the webhook")
	on.Duration("webhook-backoff", 3*time.Second, "the time until the webhook is tried again")
	on.Bool("cookie-file", false, "use a cookie file")
	on.String("askpass-url", "", "a URL that knows the password")
	on.String("git-config", "", "more settings for git")
	on.String("http-bind", "", "the address of the HTTP endpoint")
	on.Bool("http-metrics", false, "serve metrics")
	on.Bool("http-pprof", false, "serve profiles")
	undone = []string{
		"man", "sparse-checkout-file", "sync-on-signal", "add-user", "group-write", "webhook-url",
		"webhook-method", "webhook-success-status", "webhook-timeout", "webhook-backoff", "cookie-file",
		"askpass-url", "git-config", "http-bind", "http-metrics", "http-pprof",
	}
}

// refusals has a line for each setting that the stand-in does not act on.
func refusals(of *pflag.FlagSet) []string {
	var lines []string
	for _, name := range undone {
		if flag := of.Lookup(name); flag.Value.String() != flag.DefValue {
			lines = append(lines, fmt.Sprintf(
				"--%s=%s: git-sync can do this, its stand-in for tests doesn't", name, flag.Value))
		}
	}
	of.VisitAll(func(flag *pflag.Flag) {
		if name := "GIT_SYNC_" + variable(flag.Name); os.Getenv(name) != "" {
			lines = append(lines, fmt.Sprintf(
				"$%s: git-sync still reads this old variable, its stand-in for tests doesn't: use --%s", name, flag.Name))
		}
	})
	return lines
}
