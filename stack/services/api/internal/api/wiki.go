package api

import (
	"path"
	"strings"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

type pageView struct {
	Path      string     `json:"path"`
	Title     string     `json:"title"`
	Author    string     `json:"author"` // "" when the page came by a push
	UpdatedAt *time.Time `json:"updated_at"`
	Size      *int64     `json:"size"`
}

func (c *call) wikiRepo() upstream.Repo {
	repo := c.gitRepo()
	repo.Wiki = true
	return repo
}

// isPage: what people read, not the pictures beside it.
func isPage(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown", ".rst", ".txt", ".adoc", ".asciidoc", ".org":
		return true
	}
	return false
}

func titleOf(name string) string {
	base := path.Base(name)
	return strings.NewReplacer("-", " ", "_", " ").Replace(strings.TrimSuffix(base, path.Ext(base)))
}

func (c *call) viewPage(entry upstream.Entry, at string, known map[string]store.WikiPage) pageView {
	view := pageView{Path: at, Title: titleOf(at), Size: entry.Size}
	if row, ok := known[at]; ok {
		updated := row.UpdatedAt.UTC()
		view.Title, view.Author, view.UpdatedAt = row.Title, row.Author, &updated
	}
	return view
}

func (c *call) knownPages() (map[string]store.WikiPage, error) {
	found, err := c.Store.WikiPages(c.r.Context(), c.repo.ID)
	known := map[string]store.WikiPage{}
	for _, row := range found {
		known[row.Path] = row
	}
	return known, err
}

// wiki lists the pages that are in the wiki's git repository; a wiki begins with its first push.
func (c *call) wiki() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	tree, err := c.Git.Tree(c.r.Context(), c.wikiRepo(), "", "", true, mostEntries)
	if upstream.Missing(err) {
		tree, err = &upstream.Tree{}, nil
	}
	if err != nil {
		return err
	}
	known, err := c.knownPages()
	if err != nil {
		return err
	}
	views := []pageView{}
	for _, entry := range tree.Entries {
		if entry.Type == "blob" && isPage(entry.Name) {
			views = append(views, c.viewPage(entry, entry.Name, known))
		}
	}
	return slice(c, views, of)
}

func (c *call) wikiPage() error {
	asked := c.query("path")
	at, err := c.locate(c.wikiRepo(), "HEAD", asked)
	if upstream.Missing(err) && path.Ext(asked) == "" && asked != "" {
		at, err = c.locate(c.wikiRepo(), "HEAD", asked+".md")
	}
	if upstream.Missing(err) {
		return fault.NotFound("There is no such page")
	}
	if err != nil {
		return err
	}
	text, err := c.head(at, mostText)
	if err != nil {
		return err
	}
	known, err := c.knownPages()
	if err != nil {
		return err
	}
	view := struct {
		pageView
		Commit    string `json:"commit"`
		Content   string `json:"content"`
		Binary    bool   `json:"binary"`
		Truncated bool   `json:"truncated"`
	}{pageView: c.viewPage(at.entry, at.path, known), Commit: at.commit}
	view.Truncated = at.entry.Size != nil && *at.entry.Size > int64(len(text))
	content, encoding := decodeText(text, view.Truncated)
	view.Content, view.Binary = content, encoding == "binary"
	return c.ok(view)
}
