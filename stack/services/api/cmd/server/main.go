// Command server is the forge's api.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/api"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/cache"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/config"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/objects"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

// version is set when it is built: -ldflags "-X main.version=...".
var version = "0.1.0"

const misconfigured = 78 // EX_CONFIG of sysexits.h

func main() {
	settings, err := config.Read(os.LookupEnv)
	level := "info"
	if err == nil {
		level = settings.LogLevel
	}
	logger := telemetry.Logger(os.Stdout, level, "api")
	slog.SetDefault(logger)
	if err != nil {
		logger.Error("the settings can't be used", "error", err.Error())
		os.Exit(misconfigured)
	}
	if err := run(settings, logger); err != nil {
		logger.Error("the service ends", "error", telemetry.Cause(err))
		var wrong *config.Error
		if errors.As(err, &wrong) {
			os.Exit(misconfigured)
		}
		os.Exit(1)
	}
}

func run(settings *config.Config, logger *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	counted := metrics.New()
	flush, err := telemetry.Start(ctx, settings.Telemetry, version, counted, logger)
	if err != nil {
		return err
	}
	defer flush(context.Background())
	database, err := store.Open(ctx, settings.Database, settings.DatabaseTimeout, &telemetry.Statements{Metrics: counted})
	if err != nil {
		return err
	}
	defer database.Close()
	counted.Pool(database.Pool)
	shared := cache.Open(settings.RedisNodes, settings.RedisPassword, settings.Cache, counted)
	defer shared.Close()

	parts := api.Parts{
		Config: settings, Version: version, Logger: logger, Metrics: counted, Store: database, Cache: shared,
		Git: upstream.NewGit(settings.GitURL, settings.GitToken, upstream.Transport("git", counted)),
	}
	if settings.SearchURL != "" {
		parts.Search = upstream.NewSearch(settings.SearchURL, settings.SearchToken, upstream.Transport("search", counted))
	}
	if settings.Objects != nil {
		storage := upstream.Transport("s3", counted)
		storage.Foreign = true
		if parts.Objects, err = objects.Open(settings.Objects, storage); err != nil {
			return err
		}
	}
	server, err := api.New(parts)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return err
	}
	logger.Info("listening", "address", listener.Addr().String(), "version", version)
	err = server.Serve(ctx, listener)
	logger.Info("ended")
	return err
}
