package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(changes map[string]string) (*Config, error) {
	values := map[string]string{
		"DATABASE_URL": "postgresql://forge:hunter2@127.0.0.1:5432/forge",
		"GIT_URL":      "http://127.0.0.1:8081",
		"GIT_TOKEN":    "a-token-for-tests",
	}
	for name, value := range changes {
		values[name] = value
	}
	return Read(func(name string) (string, bool) { value, ok := values[name]; return value, ok })
}

func TestDefaultsListenOnLoopbackAndAreOpen(t *testing.T) {
	c, err := read(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || !c.Registration || c.Objects != nil || c.Telemetry.Enabled {
		t.Errorf("%+v", c)
	}
}

func TestALibpqStringIsADatabaseToo(t *testing.T) {
	c, err := read(map[string]string{"DATABASE_URL": "host=db port=6543 user=forge dbname=forge password='a b'"})
	if err != nil || c.Database.ConnConfig.Port != 6543 || c.Database.ConnConfig.Password != "a b" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestWhatCannotBeUnderstoodStopsTheStartAndIsNamed(t *testing.T) {
	for name, value := range map[string]string{
		"API_PORT": "tcp://10.0.0.1:80", "API_REGISTRATION": "maybe", "API_GRACE_SECONDS": "-1", "GIT_URL": "git:8081",
		"DATABASE_URL": "postgresql://forge:hunter2@[", "REDIS_NODES": "one", "API_LOG_LEVEL": "loud",
		"API_TRUSTED_PROXIES": "everybody", "OTEL_TRACES_SAMPLER": "some", "OTEL_BSP_MAX_QUEUE_SIZE": "0",
		"S3_ENDPOINT": "http://s3:9000", "SEARCH_URL": "http://search:8082", "GIT_TOKEN_FILE": "/nowhere",
		"API_CACHE_SECONDS": "NaN",
	} {
		_, err := read(map[string]string{name: value})
		if err == nil {
			t.Errorf("%s=%s was taken", name, value)
			continue
		}
		known := strings.TrimSuffix(name, "_FILE")
		if name == "S3_ENDPOINT" || name == "SEARCH_URL" {
			known = strings.SplitN(name, "_", 2)[0]
		}
		if !strings.Contains(err.Error(), known) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

func TestASecretMayBeInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := read(map[string]string{"GIT_TOKEN": "", "GIT_TOKEN_FILE": file})
	if err != nil || c.GitToken != "from-a-file" {
		t.Errorf("%q %v", c.GitToken, err)
	}
}
