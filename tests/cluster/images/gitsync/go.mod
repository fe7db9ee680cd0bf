module playground.test/gitsync

go 1.24.0

require (
	github.com/go-logr/logr v1.4.3
	github.com/spf13/pflag v1.0.5
)
