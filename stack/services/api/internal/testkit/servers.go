package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// GitToken is what the git service of the tests wants to be shown.
const GitToken = "a-token-that-only-these-tests-know"

// Git is a running git service.
type Git struct {
	URL, Root, folder string
	process           *exec.Cmd
}

// NewGit starts the git service on a database.
func NewGit(t testing.TB, database *Database) *Git {
	t.Helper()
	program := os.Getenv("GIT_SERVICE_BIN")
	if program == "" {
		built := filepath.Join(cacheFolder(), "build/git/*/engineroom-git")
		program = first(strings.Replace(built, "*", "release", 1), strings.Replace(built, "*", "debug", 1))
	}
	if program == "" || first(program) == "" {
		t.Fatal("these tests need the git service: build stack/services/git and set GIT_SERVICE_BIN to its binary")
	}
	folder := temporary(t, "api-test-git-", false)
	git := &Git{Root: filepath.Join(folder, "data"), folder: folder}
	if err := os.Mkdir(git.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	git.process = guarded(t, folder, false, "TERM", "env", "GIT_HOST=127.0.0.1", "GIT_PORT=0", "GIT_DATA_PATH="+git.Root,
		"DATABASE_URL="+database.URL, "GIT_TOKEN="+GitToken, "GIT_GRACE_SECONDS=1", program)
	Eventually(t, "the git service starts", func() error {
		text, err := os.ReadFile(filepath.Join(folder, "log"))
		if err != nil {
			return err
		}
		for _, line := range bytes.Split(text, []byte("\n")) {
			var said map[string]any
			if json.Unmarshal(line, &said) != nil {
				continue
			}
			fields, _ := said["fields"].(map[string]any)
			for _, holder := range []map[string]any{said, fields} {
				if address, ok := holder["address"].(string); ok && address != "" {
					git.URL = "http://" + address
					return nil
				}
			}
		}
		return errors.New(tail(folder))
	})
	return git
}

// NewRedis starts a cluster of one node, which has all slots; its address.
func NewRedis(t testing.TB) string {
	t.Helper()
	program := os.Getenv("REDIS_BIN")
	if info, err := os.Stat(program); program != "" && err == nil && info.IsDir() {
		program = filepath.Join(program, "redis-server")
	}
	if program == "" {
		if program = inPath("redis-server"); program == "" {
			program = first(filepath.Join(cacheFolder(), "tools/redis/*/root/launch/redis-server"))
		}
	}
	if program == "" || first(program) == "" {
		t.Fatal("these tests need redis-server: install it, or set REDIS_BIN to it")
	}
	folder, port := temporary(t, "api-test-redis-", false), Port(t)
	for port > 55000 { // the cluster's bus listens 10000 above
		port = Port(t)
	}
	guarded(t, folder, false, "KILL", program, "--port", portText(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
		"--cluster-enabled", "yes", "--cluster-config-file", filepath.Join(folder, "nodes.conf"), "--appendonly", "no",
		"--cluster-require-full-coverage", "no")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	Eventually(t, "Redis starts", func() error {
		for _, line := range []string{"CLUSTER ADDSLOTSRANGE 0 16383", "CLUSTER INFO"} {
			answer, err := redisSays(address, line)
			if err != nil {
				return fmt.Errorf("%w; %s", err, tail(folder))
			}
			if line == "CLUSTER INFO" && !strings.Contains(answer, "cluster_state:ok") {
				return errors.New(answer)
			}
		}
		return nil
	})
	return address
}

func redisSays(address, line string) (string, error) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if _, err := fmt.Fprintf(connection, "%s\r\n", line); err != nil {
		return "", err
	}
	answer := make([]byte, 4096)
	n, err := connection.Read(answer)
	return string(answer[:n]), err
}

// Objects is a running S3 server with an empty bucket.
type Objects struct{ Endpoint, Access, Secret, Bucket string }

// NewObjects starts one: versitygw or SeaweedFS, whichever is there.
func NewObjects(t testing.TB) *Objects {
	t.Helper()
	folder, port := temporary(t, "api-test-s3-", false), Port(t)
	o := &Objects{fmt.Sprintf("http://127.0.0.1:%d", port), "AKIDTEST", "a-secret-of-these-tests", "forge"}
	gateway := first(os.Getenv("VERSITYGW_BIN"), filepath.Join(cacheFolder(), "tools/versitygw/*/root/bin/versitygw"))
	weed := first(os.Getenv("WEED_BIN"), filepath.Join(cacheFolder(), "tools/seaweedfs/*/root/*/scripts/weed"))
	switch {
	case gateway != "":
		data := filepath.Join(folder, "data")
		if err := os.MkdirAll(filepath.Join(data, o.Bucket), 0o755); err != nil {
			t.Fatal(err)
		}
		guarded(t, folder, false, "TERM", "env", "ROOT_ACCESS_KEY="+o.Access, "ROOT_SECRET_KEY="+o.Secret, gateway,
			"--port", fmt.Sprintf("127.0.0.1:%d", port), "--quiet", "posix", data)
	case weed != "":
		identities := fmt.Sprintf(`{"identities":[{"name":"test","credentials":[{"accessKey":%q,"secretKey":%q}],
			"actions":["Admin","Read","Write","List","Tagging"]}]}`, o.Access, o.Secret)
		file := filepath.Join(folder, "s3.json")
		if err := os.WriteFile(file, []byte(identities), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments := []string{weed, "server", "-ip=127.0.0.1", "-dir=" + folder, "-master.telemetry=false", "-filer=true",
			"-s3=true", fmt.Sprintf("-s3.port=%d", port), "-s3.config=" + file}
		for _, part := range []string{"master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
			"filer.port.grpc", "s3.port.grpc"} {
			arguments = append(arguments, fmt.Sprintf("-%s=%d", part, Port(t)))
		}
		guarded(t, folder, false, "TERM", arguments...)
	default:
		t.Fatal("these tests need an S3 server: set VERSITYGW_BIN or WEED_BIN to one of the programs")
	}
	client, err := minio.New(fmt.Sprintf("127.0.0.1:%d", port), &minio.Options{
		Creds: credentials.NewStaticV4(o.Access, o.Secret, ""), BucketLookup: minio.BucketLookupPath, Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the S3 server answers", func() error {
		there, err := client.BucketExists(context.Background(), o.Bucket)
		if err == nil && !there {
			err = client.MakeBucket(context.Background(), o.Bucket, minio.MakeBucketOptions{})
		}
		if err != nil {
			return fmt.Errorf("%w; %s", err, tail(folder))
		}
		return nil
	})
	return o
}

// Put stores an object.
func (o *Objects) Put(t testing.TB, key, text string) {
	t.Helper()
	client, err := minio.New(strings.TrimPrefix(o.Endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(o.Access, o.Secret, ""), BucketLookup: minio.BucketLookupPath, Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.PutObject(context.Background(), o.Bucket, key, strings.NewReader(text), int64(len(text)),
		minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
}
