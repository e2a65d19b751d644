// Package testkit starts what the tests stand on: a real PostgreSQL with the forge's schema, a real git service, a real
// Redis. What can't be found fails the tests and says what to do; nothing is skipped.
package testkit

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Patience is how long something may take to start.
const Patience = 60 * time.Second

const nobody = 65534

// Run runs a package's tests, and ends what they started.
func Run(m *testing.M) {
	status := m.Run()
	for i := len(cleanups) - 1; i >= 0; i-- {
		cleanups[i]()
	}
	os.Exit(status)
}

var cleanups []func()

func cacheFolder() string {
	if folder := os.Getenv("ENGINEROOM_CACHE_DIR"); folder != "" {
		return folder
	}
	return "/var/cache/engineroom"
}

// first is the first of these patterns that names a program.
func first(patterns ...string) string {
	for _, pattern := range patterns {
		found, _ := filepath.Glob(pattern)
		for i := len(found) - 1; i >= 0; i-- {
			if info, err := os.Stat(found[i]); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return found[i]
			}
		}
	}
	return ""
}

func inPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// forge is the folder of the migrations.
func forge() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../../../forge/migrations")
}

// Port is one that is free now.
func Port(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Eventually looks again and again until something is so.
func Eventually(t testing.TB, what string, look func() error) {
	t.Helper()
	until := time.Now().Add(Patience)
	for {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("gave up waiting: %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// guarded starts a server that ends with this process, however that ends: a shell waits for the end of our pipe.
func guarded(t testing.TB, folder string, unprivileged bool, signal string, arguments ...string) *exec.Cmd {
	t.Helper()
	const script = `d=$1; s=$2; shift 2; "$@" >"$d/log" 2>&1 </dev/null & p=$!; read -r _; kill -$s $p 2>/dev/null; wait $p; rm -rf "$d"`
	command := exec.Command("sh", append([]string{"-c", script, "sh", folder, signal}, arguments...)...)
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if unprivileged && os.Getuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	end, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("%s can't be started: %v", arguments[0], err)
	}
	cleanups = append(cleanups, func() {
		_ = end.Close()
		_ = command.Wait()
	})
	return command
}

// temporary is a folder that the server's own shell removes.
func temporary(t testing.TB, name string, unprivileged bool) string {
	t.Helper()
	folder, err := os.MkdirTemp("", name)
	if err != nil {
		t.Fatal(err)
	}
	if unprivileged && os.Getuid() == 0 {
		if err := os.Chown(folder, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func tail(folder string) string {
	file, err := os.Open(filepath.Join(folder, "log"))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, 4000))
	return string(text)
}

func portText(port int) string { return strconv.Itoa(port) }
