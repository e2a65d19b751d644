package testkit

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

func postgresProgram(t testing.TB, name string) string {
	t.Helper()
	path := ""
	if folder := os.Getenv("POSTGRES_BIN"); folder != "" {
		path = first(filepath.Join(folder, name))
	} else if path = first(filepath.Join("/usr/lib/postgresql/*/bin", name)); path == "" {
		path = inPath(name)
	}
	if path == "" {
		t.Fatalf("these tests need PostgreSQL's %s: set POSTGRES_BIN to the folder of its programs, or install it", name)
	}
	return path
}

var cluster struct {
	sync.Mutex
	address string
	next    atomic.Int64
}

// server starts one PostgreSQL for all tests of this process.
func server(t testing.TB) string {
	t.Helper()
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.address != "" {
		return cluster.address
	}
	initdb, postgres := postgresProgram(t, "initdb"), postgresProgram(t, "postgres")
	folder := temporary(t, "api-test-pg-", true)
	data := filepath.Join(folder, "data")
	made := exec.Command(initdb, "-U", "forge", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D", data)
	made.Dir = "/"
	if os.Getuid() == 0 {
		made.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if output, err := made.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, output)
	}
	port := Port(t)
	guarded(t, folder, true, "INT", postgres, "-D", data, "-p", portText(port), "-h", "127.0.0.1", "-k", "",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "shared_buffers=32MB")
	address := fmt.Sprintf("host=127.0.0.1 port=%d user=forge sslmode=disable", port)
	Eventually(t, "PostgreSQL starts", func() error {
		connection, err := pgx.Connect(context.Background(), address+" dbname=postgres")
		if err != nil {
			return fmt.Errorf("%w; %s", err, tail(folder))
		}
		return connection.Close(context.Background())
	})
	cluster.address = address
	return address
}

// Database is a forge's database of its own.
type Database struct {
	URL  string
	Name string
}

// NewDatabase makes one, with the schema unless told otherwise.
func NewDatabase(t testing.TB, schema bool) *Database {
	t.Helper()
	base := server(t)
	name := fmt.Sprintf("api_%d_%d", os.Getpid(), cluster.next.Add(1))
	admin(t, "CREATE DATABASE "+name)
	database := &Database{base + " dbname=" + name, name}
	if !schema {
		return database
	}
	files, _ := filepath.Glob(filepath.Join(forge(), "*.sql"))
	if len(files) == 0 {
		t.Fatalf("the forge's migrations are not in %s", forge())
	}
	slices.Sort(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		database.Exec(t, string(text))
	}
	return database
}

func admin(t testing.TB, statement string) {
	t.Helper()
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, server(t)+" dbname=postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Exec runs statements.
func (d *Database) Exec(t testing.TB, statements string, arguments ...any) {
	t.Helper()
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statements, arguments...); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// Value is the one value that a statement gives.
func Value[T any](t testing.TB, d *Database, statement string, arguments ...any) T {
	t.Helper()
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	rows, err := connection.Query(ctx, statement, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

// Outage refuses every connection to the database, and ends those that are open, until the function is called.
func (d *Database) Outage(t testing.TB) (end func()) {
	t.Helper()
	admin(t, "ALTER DATABASE "+d.Name+" ALLOW_CONNECTIONS false")
	admin(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+d.Name+"'")
	ended := false
	end = func() {
		if !ended {
			ended = true
			admin(t, "ALTER DATABASE "+d.Name+" ALLOW_CONNECTIONS true")
		}
	}
	t.Cleanup(end)
	return end
}
