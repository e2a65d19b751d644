// Package objects keeps attachments and reads logs of jobs in an S3 bucket.
package objects

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/config"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// What one upload keeps in memory at most.
const partSize = 8 << 20

// Store is a bucket.
type Store struct {
	client *minio.Client
	bucket string
}

// Open makes a client that connects when it is asked to.
func Open(to *config.Objects, transport http.RoundTripper) (*Store, error) {
	client, err := minio.New(to.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(to.AccessKey, to.SecretKey, ""), Secure: to.Secure, Region: to.Region,
		BucketLookup: minio.BucketLookupPath, Transport: transport, MaxRetries: 3,
	})
	if err != nil {
		return nil, err
	}
	return &Store{client, to.Bucket}, nil
}

// Ready asks for the bucket.
func (s *Store) Ready(ctx context.Context) error {
	present, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !present {
		err = errors.New("the bucket is not there")
	}
	return err
}

func translate(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return &fault.Fault{Status: 499, Code: "CLIENT_CLOSED_REQUEST", Message: "The client left", Cause: err}
	}
	if minio.ToErrorResponse(err).Code == "NoSuchKey" {
		return fault.NotFound("The stored object is missing").Because(errors.New("NoSuchKey"))
	}
	return fault.Unavailable("The object storage can't be reached", describe(err))
}

// describe leaves out addresses and signatures.
func describe(err error) error {
	if code := minio.ToErrorResponse(err).Code; code != "" {
		return errors.New("object storage: " + code)
	}
	return err
}

// Put streams a body into an object; its length and SHA-256. What was put in part is not left behind.
func (s *Store) Put(ctx context.Context, key string, body io.Reader, size int64, kind string) (int64, string, error) {
	sum := sha256.New()
	read := &reader{from: io.TeeReader(body, sum)}
	info, err := s.client.PutObject(ctx, s.bucket, key, read, size, minio.PutObjectOptions{
		ContentType: kind, PartSize: partSize, NumThreads: 1, DisableContentSha256: true,
	})
	if read.failed != nil {
		return 0, "", read.failed
	}
	if err != nil {
		return 0, "", translate(err)
	}
	return info.Size, hex.EncodeToString(sum.Sum(nil)), nil
}

// reader remembers that it was the client's body that failed, and not the storage.
type reader struct {
	from   io.Reader
	failed error
}

func (r *reader) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return n, err
}

// Get streams an object; closing it is the caller's.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	object, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, translate(err)
	}
	info, err := object.Stat()
	if err != nil {
		_ = object.Close()
		return nil, 0, translate(err)
	}
	return object, info.Size, nil
}

// Remove forgets an object, whether the client still waits or not.
func (s *Store) Remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return translate(s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}))
}

// List is the keys below a prefix, in order.
func (s *Store) List(ctx context.Context, prefix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var keys []string
	for found := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if found.Err != nil {
			return nil, translate(found.Err)
		}
		if strings.HasPrefix(found.Key, prefix) {
			keys = append(keys, found.Key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}
