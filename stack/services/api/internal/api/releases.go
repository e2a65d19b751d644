package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/objects"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

type releaseView struct {
	ID          int64            `json:"id"`
	Tag         string           `json:"tag"`
	Name        string           `json:"name"`
	Body        string           `json:"body"`
	Commit      string           `json:"commit"`
	Author      string           `json:"author"`
	Prerelease  bool             `json:"prerelease"`
	CreatedAt   time.Time        `json:"created_at"`
	Attachments []attachmentView `json:"attachments"`
}

type attachmentView struct {
	Name        string    `json:"name"`
	Size        int64     `json:"size"`
	SHA256      string    `json:"sha256"`
	ContentType string    `json:"content_type"`
	CreatedAt   time.Time `json:"created_at"`
}

func viewRelease(r *store.Release) releaseView {
	view := releaseView{r.ID, r.Tag, r.Name, r.Body, r.Commit, r.Author, r.Prerelease, r.CreatedAt.UTC(),
		make([]attachmentView, len(r.Attachments))}
	for i := range r.Attachments {
		view.Attachments[i] = viewAttachment(&r.Attachments[i])
	}
	return view
}

func viewAttachment(a *store.Attachment) attachmentView {
	return attachmentView{a.Name, a.Size, a.SHA256, a.ContentType, a.CreatedAt.UTC()}
}

func (c *call) listReleases() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Releases(c.r.Context(), c.repo.ID, of)
	if err != nil {
		return err
	}
	views := make([]releaseView, len(found))
	for i := range found {
		views[i] = viewRelease(&found[i])
	}
	return page(c, views, total, of)
}

func (c *call) release() (*store.Release, error) {
	found, err := c.Store.FindRelease(c.r.Context(), c.repo.ID, c.param("tag"))
	if err == nil && found == nil {
		err = fault.NotFound("There is no such release")
	}
	return found, err
}

// publish names the commit of the tag; of a tag that isn't in git yet, that of the target.
func (c *call) publish() error {
	var asked struct {
		Tag        string `json:"tag"`
		Name       string `json:"name"`
		Body       string `json:"body"`
		Target     string `json:"target"`
		Prerelease bool   `json:"prerelease"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.that(names.IsRef(asked.Tag), "tag", "can't be the name of a tag")
	k.line(&asked.Name, "name", 0, 255)
	k.text(&asked.Body, "body", 0, mostBody)
	k.that(asked.Target == "" || names.IsOID(asked.Target) || names.IsRef(asked.Target), "target",
		"must be a branch, a tag or a commit")
	if err := k.err(); err != nil {
		return err
	}
	ctx := c.r.Context()
	commit, err := c.Git.Commit(ctx, c.gitRepo(), "refs/tags/"+asked.Tag)
	if upstream.Missing(err) {
		target := asked.Target
		if target == "" {
			target = "HEAD"
		}
		commit, err = c.Git.Commit(ctx, c.gitRepo(), target)
		if upstream.Missing(err) {
			return fault.Invalid("target", "is no branch, tag or commit of this repository")
		}
	}
	if err != nil {
		return err
	}
	err = c.Store.Publish(ctx, c.repo.ID, c.caller.ID, store.Release{
		Tag: asked.Tag, Name: asked.Name, Body: asked.Body, Commit: commit.ID, Prerelease: asked.Prerelease,
	})
	if err != nil {
		return err
	}
	return c.releaseAs(http.StatusCreated, asked.Tag)
}

func (c *call) releaseAs(status int, tag string) error {
	found, err := c.Store.FindRelease(c.r.Context(), c.repo.ID, tag)
	if err != nil {
		return err
	}
	if found == nil {
		return fault.NotFound("There is no such release")
	}
	return c.json(status, viewRelease(found), nil)
}

func (c *call) getRelease() error { return c.releaseAs(http.StatusOK, c.param("tag")) }

func (c *call) patchRelease() error {
	found, err := c.release()
	if err != nil {
		return err
	}
	var asked struct {
		Name       *string `json:"name"`
		Body       *string `json:"body"`
		Prerelease *bool   `json:"prerelease"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(asked.Name, "name", 0, 255)
	k.text(asked.Body, "body", 0, mostBody)
	if err := k.err(); err != nil {
		return err
	}
	if err := c.Store.UpdateRelease(c.r.Context(), c.repo.ID, found.ID, store.ReleaseChange(asked)); err != nil {
		return err
	}
	return c.getRelease()
}

// deleteRelease forgets the rows first: an object without a row is only waste, a row without its object a lie.
func (c *call) deleteRelease() error {
	found, err := c.release()
	if err != nil {
		return err
	}
	keys, err := c.Store.DeleteRelease(c.r.Context(), c.repo.ID, found.ID)
	if err != nil {
		return err
	}
	c.discard(keys...)
	return c.none()
}

func (c *call) discard(keys ...string) {
	if c.Objects == nil {
		return
	}
	for _, key := range keys {
		if err := c.Objects.Remove(c.r.Context(), key); err != nil {
			c.Logger.WarnContext(c.r.Context(), "an object that nothing names any more is left", "key", key,
				"error", causeOf(err))
		}
	}
}

// storage is the object storage, where there is one.
func (c *call) storage() (*objects.Store, error) {
	if c.Objects == nil {
		return nil, fault.Unavailable("There is no object storage", errors.New("S3_ENDPOINT is not set"))
	}
	return c.Objects, nil
}

// attach streams a body into an object, and then records it.
func (c *call) attach() error {
	found, err := c.release()
	if err != nil {
		return err
	}
	name := c.query("name")
	var k check
	k.line(&name, "name", 1, 255)
	k.that(!strings.ContainsAny(name, `/\`) && name != "." && name != "..", "name", "must be a plain file name")
	if err := k.err(); err != nil {
		return err
	}
	for _, known := range found.Attachments {
		if known.Name == name {
			return fault.Conflict("There already is an attachment of this name")
		}
	}
	if !plain(c.r.Header.Get("Content-Encoding")) {
		return fault.New(http.StatusUnsupportedMediaType, "Send the bytes as they are, without a content encoding")
	}
	if c.r.ContentLength > c.Config.MaxAttachmentBytes {
		c.w.Header().Set("Connection", "close")
		return fault.New(http.StatusRequestEntityTooLarge, "The attachment is too large")
	}
	storage, err := c.storage()
	if err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		kind = "application/octet-stream"
	}
	pace(c, c.Config.GitIdle, nil)
	key := fmt.Sprintf("attachments/%d/%d/%s", c.repo.ID, found.ID, newRequestID())
	body := http.MaxBytesReader(c.w, c.r.Body, c.Config.MaxAttachmentBytes)
	size, sum, err := storage.Put(c.r.Context(), key, body, c.r.ContentLength, kind)
	if err != nil {
		if body, ok := c.r.Body.(*paced); ok && (body.failed != nil || isTooLarge(err)) {
			return unread(err)
		}
		return err
	}
	item := store.Attachment{Name: name, ObjectKey: key, Size: size, SHA256: sum, ContentType: kind}
	if err := c.Store.Attach(c.r.Context(), c.repo.ID, found.ID, item); err != nil {
		c.discard(key)
		return err
	}
	item.CreatedAt = time.Now()
	return c.created(viewAttachment(&item))
}

func isTooLarge(err error) bool {
	var long *http.MaxBytesError
	return errors.As(err, &long)
}

func (c *call) getAttachment() error {
	found, err := c.release()
	if err != nil {
		return err
	}
	name := c.param("name")
	for _, item := range found.Attachments {
		if item.Name == name {
			return c.sendAttachment(&item)
		}
	}
	return fault.NotFound("There is no such attachment")
}

func (c *call) sendAttachment(item *store.Attachment) error {
	header := c.w.Header()
	tag := `"` + item.SHA256 + `"`
	header.Set("Etag", tag)
	header.Set("Cache-Control", "private, no-cache")
	if c.r.Header.Get("If-None-Match") == tag {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	storage, err := c.storage()
	if err != nil {
		return err
	}
	content, size, err := storage.Get(c.r.Context(), item.ObjectKey)
	if err != nil {
		return err
	}
	defer content.Close()
	header.Set("Content-Type", item.ContentType)
	header.Set("Content-Length", strconv.FormatInt(size, 10))
	header.Set("Content-Disposition", dispositionOf("attachment", strings.Map(func(r rune) rune {
		if r == utf8.RuneError {
			return '_'
		}
		return r
	}, item.Name)))
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	pace(c, c.Config.GitIdle, nil)
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err = io.Copy(c.w, content)
	return sent(err)
}

func (c *call) deleteAttachment() error {
	found, err := c.release()
	if err != nil {
		return err
	}
	key, err := c.Store.Detach(c.r.Context(), c.repo.ID, found.ID, c.param("name"))
	if err != nil {
		return err
	}
	c.discard(key)
	return c.none()
}
