package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// readEnvironment gives flags the values of their GITSYNC_ variables; a flag on the command line wins.
// A variable that no flag has is nobody's: it is ignored.
func readEnvironment(into *pflag.FlagSet) error {
	var fault error
	into.VisitAll(func(flag *pflag.Flag) {
		name := "GITSYNC_" + variable(flag.Name)
		value, found := os.LookupEnv(name)
		if fault != nil || !found || !hasVariable(flag) {
			return
		}
		if err := assign(flag.Value, value); err != nil {
			fault = fmt.Errorf("invalid %s env %s=%q: %w", flag.Value.Type(), name, value, err)
		}
	})
	return fault
}

func variable(flag string) string {
	return strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// hasVariable: a deprecated flag never had one, except the password, whose variable is not deprecated.
func hasVariable(flag *pflag.Flag) bool {
	switch flag.Name {
	case "help", "man", "version":
		return false
	case "password":
		return true
	}
	return flag.Deprecated == ""
}

// assign replaces a list, whose elements stand between colons, where setting would add to it later.
func assign(value pflag.Value, text string) error {
	if list, ok := value.(pflag.SliceValue); ok {
		return list.Replace(strings.Split(text, ":"))
	}
	return value.Set(text)
}
