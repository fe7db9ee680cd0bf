package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// logger writes JSON lines to stderr, and the last failure to the error file too, if there is one.
type logger struct {
	logr.Logger
	errorFile string
}

func newLog(errorFile string, verbosity int) *logger {
	write := func(line string) { fmt.Fprintln(os.Stderr, line) }
	options := funcr.Options{LogCaller: funcr.All, LogTimestamp: true, Verbosity: verbosity}
	return &logger{Logger: funcr.NewJSON(write, options), errorFile: errorFile}
}

// fail is for what went wrong; values are pairs of a name and a value.
func (l *logger) fail(err error, message string, values ...any) {
	l.WithCallDepth(1).Error(err, message, values...)
	entry := struct {
		Msg, Err string
		Args     map[string]any
	}{Msg: message, Args: map[string]any{}}
	if err != nil {
		entry.Err = err.Error()
	}
	for i := 0; i+1 < len(values); i += 2 {
		entry.Args[fmt.Sprint(values[i])] = values[i+1]
	}
	text, err := json.Marshal(entry)
	if err != nil {
		text = []byte(err.Error())
	}
	l.export(string(text))
}

// export replaces the error file in one step: a reader sees all of it or none.
func (l *logger) export(text string) {
	if l.errorFile == "" {
		return
	}
	if err := replace(l.errorFile, text); err != nil {
		l.Error(err, "can't write the error-file", "filename", l.errorFile)
	}
}

// forget removes the error file: the last sync was good.
func (l *logger) forget() {
	if l.errorFile == "" {
		return
	}
	if err := os.Remove(l.errorFile); err != nil && !os.IsNotExist(err) {
		l.Error(err, "can't delete the error-file", "filename", l.errorFile)
	}
}

func replace(file, text string) error {
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o775); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(folder, "tmp-err-")
	if err != nil {
		return err
	}
	_, err = temporary.WriteString(text)
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(temporary.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	return err
}
