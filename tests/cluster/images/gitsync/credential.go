package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

const redacted = "REDACTED"

type credential struct {
	URL          string `json:"url"`
	Username     string `json:"username"`
	Password     string `json:"password,omitempty"`
	PasswordFile string `json:"password-file,omitempty"`
}

// credentials is the value of --credential: each use adds to it.
type credentials []credential

func (c *credentials) Type() string { return "credential" }

// String hides the passwords, for it is what gets logged.
func (c *credentials) String() string {
	shown := make([]credential, len(*c))
	for i, one := range *c {
		if shown[i] = one; one.Password != "" {
			shown[i].Password = redacted
		}
	}
	text, err := json.Marshal(shown)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Set takes a JSON object or a list of them.
func (c *credentials) Set(text string) error {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil
	case strings.HasPrefix(text, "{"):
		text = "[" + text + "]"
	case !strings.HasPrefix(text, "["):
		return errors.New("not a JSON object or list")
	}
	var more credentials
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&more); err != nil {
		return err
	}
	*c = append(*c, more...)
	return nil
}

func (c credentials) fault() string {
	for _, one := range c {
		switch {
		case one.URL == "":
			return "invalid flag: --credential URL must be specified"
		case one.Username == "":
			return "invalid flag: --credential username must be specified"
		case one.Password == "" && one.PasswordFile == "":
			return "invalid flag: --credential password or password-file must be specified"
		case one.Password != "" && one.PasswordFile != "":
			return "invalid flag: only one of --credential password and password-file may be specified"
		}
	}
	return ""
}

// gather puts a user and password from --username or from the URL with the credentials, and reads the
// files of passwords. The URL loses them: it becomes an argument of git and part of messages.
func (s *settings) gather() error {
	if location, err := url.Parse(s.repo); err == nil && location.User != nil &&
		(location.Scheme == "http" || location.Scheme == "https") {
		s.username = location.User.Username()
		s.password, _ = location.User.Password()
		location.User = nil
		s.repo = location.String()
	}
	if s.username != "" {
		own := credential{URL: s.repo, Username: s.username, Password: s.password, PasswordFile: s.passwordFile}
		s.credentials = append(credentials{own}, s.credentials...)
	}
	for i, one := range s.credentials {
		if one.PasswordFile == "" {
			continue
		}
		text, err := os.ReadFile(one.PasswordFile)
		if err != nil {
			return fmt.Errorf("can't read password file: %w", err)
		}
		s.credentials[i].Password = string(text)
	}
	return nil
}

// hand gives the passwords to git, on its standard input. Git forgets one that was not accepted.
func (c credentials) hand(ctx context.Context, git string, runner *runner) error {
	for _, one := range c {
		words := fmt.Sprintf("url=%s\nusername=%s\npassword=%s\n", one.URL, one.Username, one.Password)
		if _, err := runner.with(ctx, "", words, nil, git, "credential", "approve"); err != nil {
			return fmt.Errorf("can't configure git credentials: %w", err)
		}
	}
	return nil
}

// spoken is the command line as it may be logged.
func spoken() []string {
	lines := []string{}
	pflag.Visit(func(flag *pflag.Flag) {
		value := flag.Value.String()
		if flag.Name == "password" {
			value = redacted
		}
		if location, err := url.Parse(value); flag.Name == "repo" && err == nil && location.User != nil {
			if _, found := location.User.Password(); found {
				location.User = url.UserPassword(location.User.Username(), redacted)
				value = location.String()
			}
		}
		lines = append(lines, "--"+flag.Name+"="+value)
	})
	return lines
}
