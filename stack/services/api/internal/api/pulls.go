package api

import (
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

func utcPull(p *store.Pull) {
	utcIssue(&p.Issue)
	if p.MergedAt != nil {
		at := p.MergedAt.UTC()
		p.MergedAt = &at
	}
}

func (c *call) listPulls() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	by, err := c.filter("open", "closed", "merged")
	if err != nil {
		return err
	}
	found, total, err := c.Store.Pulls(c.r.Context(), c.repo.ID, by, of)
	if err != nil {
		return err
	}
	for i := range found {
		utcPull(&found[i])
	}
	return page(c, found, total, of)
}

func (c *call) pullAt(number int) (*store.Pull, error) {
	found, err := c.Store.FindPull(c.r.Context(), c.repo.ID, number)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fault.NotFound("There is no such pull request")
	}
	utcPull(found)
	return found, nil
}

func (c *call) pull() (*store.Pull, error) {
	number, err := c.number("number")
	if err != nil {
		return nil, err
	}
	return c.pullAt(number)
}

// branch is the commit of a branch.
func (c *call) branch(name, field string) (string, error) {
	refs, err := c.Git.Refs(c.r.Context(), c.gitRepo(), "refs/heads/"+name)
	if err != nil {
		return "", err
	}
	for _, ref := range refs {
		if ref.Name == "refs/heads/"+name {
			return ref.ID, nil
		}
	}
	return "", fault.Invalid(field, "is no branch of this repository")
}

func (c *call) openPull() error {
	var asked struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Head  string `json:"head"`
		Base  string `json:"base"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	if asked.Base == "" {
		asked.Base = c.repo.DefaultBranch
	}
	var k check
	k.line(&asked.Title, "title", 1, 255)
	k.text(&asked.Body, "body", 0, mostBody)
	k.that(names.IsRef(asked.Head), "head", "must be the name of a branch")
	k.that(names.IsRef(asked.Base), "base", "must be the name of a branch")
	k.that(asked.Head != asked.Base, "head", "must be another branch than the base")
	if err := k.err(); err != nil {
		return err
	}
	if _, err := c.branch(asked.Base, "base"); err != nil {
		return err
	}
	commit, err := c.branch(asked.Head, "head")
	if err != nil {
		return err
	}
	number, err := c.Store.OpenPull(c.r.Context(), c.repo.ID, store.NewIssue{
		Author: c.caller.ID, Title: asked.Title, Body: asked.Body,
	}, asked.Head, commit, asked.Base)
	if err != nil {
		return err
	}
	c.sync()
	made, err := c.pullAt(number)
	if err != nil {
		return err
	}
	return c.created(made)
}

// sync lets refs/pull follow. When git can't now, the next push or the reconciling poll does it.
func (c *call) sync() {
	if err := c.Git.Sync(c.r.Context(), c.gitRepo()); err != nil {
		c.Logger.WarnContext(c.r.Context(), "the head of a pull request follows later", "error", causeOf(err))
	}
}

func (c *call) getPull() error {
	found, err := c.pull()
	if err != nil {
		return err
	}
	return c.ok(found)
}

func (c *call) patchPull() error {
	found, err := c.pull()
	if err != nil {
		return err
	}
	to, err := c.issueChange(found.AuthorID)
	if err != nil {
		return err
	}
	if err := c.Store.UpdateIssue(c.r.Context(), c.repo.ID, found.ID, true, to); err != nil {
		return err
	}
	if to.State != nil && *to.State == "open" && found.State != "open" {
		c.sync() // the branch may have moved while it was closed
	}
	return c.getPull()
}

// ends are the two commits between which a pull request's changes are.
func (c *call) ends(pull *store.Pull) (base, head string, err error) {
	if pull.MergeCommit == nil {
		return "refs/heads/" + pull.Base, pull.HeadCommit, nil
	}
	// The base contains the head by now: what it was before is the merge's first parent.
	merge, err := c.Git.Commit(c.r.Context(), c.gitRepo(), *pull.MergeCommit)
	if err != nil {
		return "", "", err
	}
	if len(merge.Parents) == 0 {
		return merge.ID, pull.HeadCommit, nil
	}
	return merge.Parents[0], pull.HeadCommit, nil
}

func (c *call) pullCommits() error {
	found, err := c.pull()
	if err != nil {
		return err
	}
	of, err := c.page()
	if err != nil {
		return err
	}
	base, head, err := c.ends(found)
	if err != nil {
		return err
	}
	commits, more, err := c.Git.Commits(c.r.Context(), c.gitRepo(), head, "", base, of.Number, of.Size)
	if err != nil {
		return err
	}
	return uncounted(c, commits, more, of)
}

func (c *call) pullFiles() error {
	found, err := c.pull()
	if err != nil {
		return err
	}
	of, err := c.page()
	if err != nil {
		return err
	}
	base, head, err := c.ends(found)
	if err != nil {
		return err
	}
	changes, err := c.Git.Compare(c.r.Context(), c.gitRepo(), base, head)
	if err != nil {
		return err
	}
	return slice(c, changes.Files, of)
}

func (c *call) mergePull() error {
	found, err := c.pull()
	if err != nil {
		return err
	}
	var asked struct {
		Message      *string `json:"message"`
		ExpectedHead *string `json:"expected_head"`
		Strategy     string  `json:"strategy"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.text(asked.Message, "message", 1, 64<<10)
	if asked.ExpectedHead != nil {
		k.that(names.IsOID(*asked.ExpectedHead), "expected_head", "must be the whole id of a commit")
	}
	k.that(asked.Strategy == "" || asked.Strategy == "merge" || asked.Strategy == "fast-forward", "strategy",
		"must be merge or fast-forward")
	if err := k.err(); err != nil {
		return err
	}
	how := upstream.Merge{
		By: c.caller.Username, Message: asked.Message, ExpectedHead: asked.ExpectedHead, Strategy: asked.Strategy,
	}
	// Whoever reads the history doesn't learn anybody's address.
	how.Author.Name, how.Author.Email = c.caller.Username, c.caller.Username+"@users.invalid"
	merged, err := c.Git.Merge(c.r.Context(), c.gitRepo(), int(found.Number), how)
	if err != nil {
		return err
	}
	c.forget(c.repo.Owner)
	return c.ok(merged)
}
