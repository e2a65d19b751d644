package api

import (
	"sync"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

type refView struct {
	Name   string `json:"name"`
	Commit string `json:"commit"`
}

func (c *call) branches() error { return c.refs("refs/heads/", false) }

// tags names the commit of each: an annotated tag is an object of its own, which git is asked to look through.
func (c *call) tags() error { return c.refs("refs/tags/", true) }

func (c *call) refs(prefix string, peel bool) error {
	of, err := c.page()
	if err != nil {
		return err
	}
	refs, err := c.Git.Refs(c.r.Context(), c.gitRepo(), prefix)
	if err != nil {
		return err
	}
	from := min(len(refs), (of.Number-1)*of.Size)
	shown := refs[from:min(len(refs), from+of.Size)]
	views := make([]refView, len(shown))
	for i, ref := range shown {
		views[i] = refView{ref.Name[len(prefix):], ref.ID}
	}
	if peel {
		if err := c.peel(shown, views); err != nil {
			return err
		}
	}
	return page(c, views, int64(len(refs)), of)
}

func (c *call) peel(refs []upstream.Ref, views []refView) error {
	var wait sync.WaitGroup
	places := make(chan struct{}, 4)
	errs := make([]error, len(refs))
	for i := range refs {
		wait.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			commit, err := c.Git.Commit(c.r.Context(), c.gitRepo(), refs[i].Name)
			switch {
			case err == nil:
				views[i].Commit = commit.ID
			case !upstream.Missing(err): // a tag of a tree or a file keeps the id of that
				errs[i] = err
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ref is the ref that is asked for; the default branch (what HEAD names) when none is.
func (c *call) ref() (asked, shown string, err error) {
	asked = c.query("ref")
	if asked == "" || asked == "HEAD" {
		return "HEAD", c.repo.DefaultBranch, nil
	}
	return asked, asked, checkRef(asked)
}

// checkRef: what can't be a ref isn't one.
func checkRef(name string) error {
	if !names.IsOID(name) && !names.IsRef(name) {
		return fault.NotFound("There is no such ref or commit")
	}
	return nil
}

func (c *call) commits() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	ref, _, err := c.ref()
	if err != nil {
		return err
	}
	found, more, err := c.Git.Commits(c.r.Context(), c.gitRepo(), ref, c.query("path"), "", of.Number, of.Size)
	if err != nil {
		return err
	}
	return uncounted(c, found, more, of)
}

// commitView is a commit with what it changes in comparison with its first parent.
type commitView struct {
	upstream.Commit
	Files     []upstream.ChangedFile `json:"files"`
	Truncated bool                   `json:"truncated"`
}

func (c *call) commit() error {
	sha := c.raw("sha")
	if !names.IsOID(sha) {
		return fault.NotFound("There is no such commit")
	}
	found, err := c.Git.Commit(c.r.Context(), c.gitRepo(), sha)
	if err != nil {
		return err
	}
	view := commitView{Commit: *found, Files: []upstream.ChangedFile{}}
	if len(found.Parents) > 0 {
		changes, err := c.Git.Compare(c.r.Context(), c.gitRepo(), found.Parents[0], found.ID)
		if err != nil {
			return err
		}
		view.Files, view.Truncated = changes.Files, changes.Truncated
		return c.ok(view)
	}
	const most = 1000
	tree, err := c.Git.Tree(c.r.Context(), c.gitRepo(), found.ID, "", true, most)
	if err != nil {
		return err
	}
	zeros := "0000000000000000000000000000000000000000000000000000000000000000"[:len(found.ID)]
	for _, entry := range tree.Entries {
		view.Files = append(view.Files, upstream.ChangedFile{
			Path: entry.Name, Status: "A", OldMode: "000000", Mode: entry.Mode, Old: zeros, New: entry.ID,
		})
	}
	view.Truncated = tree.Truncated
	return c.ok(view)
}

func (c *call) compare() error {
	base, head := c.query("base"), c.query("head")
	if base == "" {
		base = "HEAD"
	}
	if head == "" {
		return fault.BadRequest("Say which head to compare with the base")
	}
	for _, name := range []string{base, head} {
		if name != "HEAD" {
			if err := checkRef(name); err != nil {
				return err
			}
		}
	}
	found, err := c.Git.Compare(c.r.Context(), c.gitRepo(), base, head)
	if err != nil {
		return err
	}
	return c.ok(found)
}
