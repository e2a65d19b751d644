package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

const (
	mostText    = 1 << 20
	mostEntries = 100_000
)

type entryView struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Type string `json:"type"`
	Mode string `json:"mode"`
	Size *int64 `json:"size"`
	ID   string `json:"id"`
}

type treeView struct {
	Ref       string      `json:"ref"`
	Commit    *string     `json:"commit"`
	Path      string      `json:"path"`
	Entries   []entryView `json:"entries"`
	Truncated bool        `json:"truncated"`
}

func (c *call) tree() error {
	ref, shown, err := c.ref()
	if err != nil {
		return err
	}
	folder := strings.Trim(c.query("path"), "/")
	found, err := c.Git.Tree(c.r.Context(), c.gitRepo(), ref, folder, false, mostEntries)
	if err != nil {
		return err
	}
	view := treeView{Ref: shown, Path: folder, Entries: make([]entryView, len(found.Entries)), Truncated: found.Truncated}
	if found.Commit != "" {
		view.Commit = &found.Commit
	}
	for i, entry := range found.Entries {
		view.Entries[i] = entryView{entry.Name, path.Join(folder, entry.Name), entry.Type, entry.Mode, entry.Size, entry.ID}
	}
	return c.ok(view)
}

// place is a file at a commit.
type place struct {
	repo   upstream.Repo
	path   string
	commit string
	entry  upstream.Entry
}

// locate finds a file: its folder is listed, which tells the commit, the id and the size in one answer.
func (c *call) locate(repo upstream.Repo, ref, asked string) (*place, error) {
	file := strings.Trim(asked, "/")
	if file == "" {
		return nil, fault.BadRequest("Say which file")
	}
	folder, name := "", file
	if at := strings.LastIndexByte(file, '/'); at >= 0 {
		folder, name = file[:at], file[at+1:]
	}
	if name == "." || name == ".." {
		return nil, fault.BadRequest("This can't be the path of a file")
	}
	tree, err := c.Git.Tree(c.r.Context(), repo, ref, folder, false, mostEntries)
	if err != nil {
		if upstream.Missing(err) || (folder != "" && fault.Is(err, http.StatusBadRequest) && !odd(folder)) {
			return nil, fault.NotFound("There is no such file").Because(err)
		}
		return nil, err
	}
	for _, entry := range tree.Entries {
		if entry.Name != name {
			continue
		}
		switch entry.Type {
		case "tree":
			return nil, fault.BadRequest("This is a folder, not a file")
		case "submodule":
			return nil, fault.BadRequest("This is a submodule, not a file")
		}
		return &place{repo, file, tree.Commit, entry}, nil
	}
	return nil, fault.NotFound("There is no such file")
}

func odd(folder string) bool {
	for _, part := range strings.Split(folder, "/") {
		if part == "" || part == "." || part == ".." {
			return true
		}
	}
	return false
}

// head reads the first bytes of a file; none when it is larger than what git hands out.
func (c *call) head(at *place, most int64) ([]byte, error) {
	response, err := c.Git.Blob(c.r.Context(), at.repo, at.entry.ID)
	if fault.Is(err, http.StatusRequestEntityTooLarge) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return nil, c.Git.Away(err)
	}
	return text, nil
}

type fileView struct {
	Path      string `json:"path"`
	Ref       string `json:"ref"`
	Commit    string `json:"commit"`
	ID        string `json:"id"`
	Mode      string `json:"mode"`
	Type      string `json:"type"`
	Size      int64  `json:"size"`
	Encoding  string `json:"encoding"`
	Binary    bool   `json:"binary"`
	Truncated bool   `json:"truncated"`
	Content   string `json:"content"`
	Language  string `json:"language"`
}

func (c *call) file() error {
	ref, shown, err := c.ref()
	if err != nil {
		return err
	}
	at, err := c.locate(c.gitRepo(), ref, c.query("path"))
	if err != nil {
		return err
	}
	size := int64(0)
	if at.entry.Size != nil {
		size = *at.entry.Size
	}
	bytes, err := c.head(at, mostText)
	if err != nil {
		return err
	}
	view := fileView{
		Path: at.path, Ref: shown, Commit: at.commit, ID: at.entry.ID, Mode: at.entry.Mode, Type: at.entry.Type, Size: size,
		Truncated: size > int64(len(bytes)),
	}
	view.Language, _ = languageOf(at.path)
	view.Content, view.Encoding = decodeText(bytes, view.Truncated)
	view.Binary = view.Encoding == "binary"
	return c.ok(view)
}

// rawFile streams a file as it is. Nothing in it is run in anybody's browser: it is text to look at, or bytes to keep.
func (c *call) rawFile() error {
	ref, _, err := c.ref()
	if err != nil {
		return err
	}
	at, err := c.locate(c.gitRepo(), ref, c.query("path"))
	if err != nil {
		return err
	}
	header := c.w.Header()
	tag := `"` + at.entry.ID + `"`
	header.Set("Etag", tag)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	if c.r.Header.Get("If-None-Match") == tag {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	response, err := c.Git.Blob(c.r.Context(), at.repo, at.entry.ID)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	first := make([]byte, 8<<10)
	n, err := io.ReadFull(response.Body, first)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return c.Git.Away(err)
	}
	first = first[:n]
	kind, disposition := "text/plain; charset=utf-8", "inline"
	switch _, encoding := decodeText(first, true); encoding {
	case "utf-8":
	case "binary":
		kind, disposition = "application/octet-stream", "attachment"
	default:
		kind = "text/plain; charset=" + encoding
	}
	header.Set("Content-Type", kind)
	header.Set("Content-Disposition", dispositionOf(disposition, path.Base(at.path)))
	if response.ContentLength >= 0 {
		header.Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
	if c.r.Method == http.MethodHead {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	if _, err := c.w.Write(first); err != nil {
		return sent(err)
	}
	_, err = io.Copy(c.w, response.Body)
	return sent(err)
}

func dispositionOf(kind, name string) string {
	if text := mime.FormatMediaType(kind, map[string]string{"filename": name}); text != "" {
		return text
	}
	return kind
}
