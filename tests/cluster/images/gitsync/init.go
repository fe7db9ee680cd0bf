package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// beInit runs this command again as a child and answers with its exit code, 128 and the signal's
// number if a signal ended it. It passes signals on to the child and collects every process that ends
// without a parent.
func beInit() int {
	fmt.Fprintln(os.Stderr, "INFO: detected pid 1, running init handler")
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	child := exec.Command("/proc/self/exe", os.Args[1:]...)
	child.Args[0] = os.Args[0]
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "FATAL: unhandled pid1 error:", err)
		return 127
	}
	for received := range signals {
		if number, _ := received.(syscall.Signal); number != syscall.SIGCHLD && number != syscall.SIGURG {
			_ = child.Process.Signal(number)
		}
		if code, ended := collect(child.Process.Pid); ended {
			return code
		}
	}
	return 127
}

// collect takes the status of every process that has ended.
func collect(child int) (code int, ended bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid <= 0:
			return code, ended
		case pid == child && status.Signaled():
			code, ended = 128+int(status.Signal()), true
		case pid == child:
			code, ended = status.ExitStatus(), true
		}
	}
}
