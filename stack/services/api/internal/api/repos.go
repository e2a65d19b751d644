package api

import (
	"net/http"
	"strings"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

const badRepository = "may hold letters, digits, `_`, `.` and `-`, at most 100; it doesn't begin with `.` or `-`, or " +
	"end in .git, .wiki, .lock or a dot"

func (c *call) listRepos() error { return c.reposOf(c.query("owner")) }

func (c *call) reposOf(owner string) error {
	of, err := c.page()
	if err != nil {
		return err
	}
	sort, err := c.choice("sort", "updated", "stars", "name")
	if err != nil {
		return err
	}
	found, total, err := c.Store.Repositories(c.r.Context(), c.userID(), owner, c.query("q"), sort, of)
	if err != nil {
		return err
	}
	return page(c, c.viewRepos(found), total, of)
}

func (c *call) createRepo() error {
	var asked struct {
		Name          string `json:"name"`
		Owner         string `json:"owner"`
		Description   string `json:"description"`
		Private       bool   `json:"private"`
		DefaultBranch string `json:"default_branch"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	if asked.DefaultBranch == "" {
		asked.DefaultBranch = "main"
	}
	if asked.Owner == "" {
		asked.Owner = c.caller.Username
	}
	var k check
	k.that(names.IsRepository(asked.Name), "name", badRepository)
	k.that(names.IsRef(asked.DefaultBranch), "default_branch", "can't be the name of a branch")
	k.line(&asked.Description, "description", 0, 1000)
	if err := k.err(); err != nil {
		return err
	}
	owner, err := c.ownerFor(asked.Owner)
	if err != nil {
		return err
	}
	repo := upstream.Repo{Owner: owner, Name: asked.Name, User: c.caller.Username}
	if err := c.Git.Create(c.r.Context(), repo, asked.DefaultBranch, asked.Description, asked.Private); err != nil {
		return err
	}
	c.forget(owner)
	made, err := c.Store.FindRepository(c.r.Context(), &c.caller.ID, owner, asked.Name)
	if err != nil {
		return err
	}
	if made == nil {
		return fault.Conflict("The repository was deleted again")
	}
	c.w.Header().Set("Location", prefix+"/repos/"+made.FullName())
	return c.created(c.viewRepo(made, &shape{Empty: true}))
}

// ownerFor is the name of an owner that the caller may give repositories to.
func (c *call) ownerFor(asked string) (string, error) {
	owner, known, may, err := c.Store.OwnerFor(c.r.Context(), c.caller.ID, asked)
	switch {
	case err != nil:
		return "", err
	case !known:
		return "", fault.Invalid("owner", "is no user or organisation")
	case !may:
		return "", fault.Forbidden("You can't create repositories for this owner")
	}
	return owner, nil
}

func (c *call) getRepo() error {
	known, err := c.shape(c.r.Context(), c.repo)
	if err != nil {
		c.Logger.WarnContext(c.r.Context(), "a repository is shown without what git knows", "error", causeOf(err))
	}
	return c.ok(c.viewRepo(c.repo, known))
}

// patchRepo changes first what may be refused because of others (the name), so that a refusal leaves nothing changed.
func (c *call) patchRepo() error {
	var asked struct {
		Name          *string `json:"name"`
		Owner         *string `json:"owner"`
		Description   *string `json:"description"`
		Private       *bool   `json:"private"`
		DefaultBranch *string `json:"default_branch"`
		Archived      *bool   `json:"archived"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	if asked.Name != nil {
		k.that(names.IsRepository(*asked.Name), "name", badRepository)
	}
	if asked.DefaultBranch != nil {
		k.that(names.IsRef(*asked.DefaultBranch), "default_branch", "can't be the name of a branch")
	}
	k.line(asked.Description, "description", 0, 1000)
	if err := k.err(); err != nil {
		return err
	}
	staysArchived := c.repo.Archived && (asked.Archived == nil || *asked.Archived)
	if staysArchived && (asked.Name != nil || asked.Owner != nil || asked.DefaultBranch != nil || asked.Description != nil) {
		return fault.Forbidden("This repository is archived: it can only be read")
	}
	ctx, before := c.r.Context(), *c.repo
	owner, name := before.Owner, before.Name
	if asked.Owner != nil && !strings.EqualFold(*asked.Owner, owner) {
		if c.repo.Level < access.Owner {
			return fault.Forbidden("Only an owner can give a repository away")
		}
		var err error
		if owner, err = c.ownerFor(*asked.Owner); err != nil {
			return err
		}
	}
	if asked.Name != nil {
		name = *asked.Name
	}
	if asked.DefaultBranch != nil && *asked.DefaultBranch != before.DefaultBranch {
		if err := c.branchExists(*asked.DefaultBranch); err != nil {
			return err
		}
	}
	defer func() { c.forget(before.Owner, owner) }()
	if owner != before.Owner || name != before.Name {
		if err := c.Git.Rename(ctx, c.gitRepo(), owner, name); err != nil {
			return err
		}
	}
	change := store.RepositoryChange{Description: asked.Description, Private: asked.Private, Archived: asked.Archived}
	if change != (store.RepositoryChange{}) {
		if err := c.Store.UpdateRepository(ctx, before.ID, change); err != nil {
			return err
		}
	}
	if asked.DefaultBranch != nil && *asked.DefaultBranch != before.DefaultBranch {
		moved := upstream.Repo{Owner: owner, Name: name, User: c.username()}
		if err := c.Git.SetDefaultBranch(ctx, moved, *asked.DefaultBranch); err != nil {
			return err
		}
	}
	after, err := c.Store.FindRepository(ctx, &c.caller.ID, owner, name)
	if err != nil {
		return err
	}
	if after == nil {
		return noRepository()
	}
	known, _ := c.shape(ctx, after)
	return c.ok(c.viewRepo(after, known))
}

// branchExists refuses a default branch that isn't there, unless nothing is.
func (c *call) branchExists(branch string) error {
	refs, err := c.Git.Refs(c.r.Context(), c.gitRepo(), "refs/heads/")
	if err != nil || len(refs) == 0 {
		return err
	}
	for _, ref := range refs {
		if ref.Name == "refs/heads/"+branch {
			return nil
		}
	}
	return fault.Invalid("default_branch", "is no branch of this repository")
}

func (c *call) deleteRepo() error {
	defer c.forget(c.repo.Owner)
	if err := c.Git.Delete(c.r.Context(), c.gitRepo()); err != nil {
		return err
	}
	return c.none()
}

func (c *call) star() error   { return c.setStar(true) }
func (c *call) unstar() error { return c.setStar(false) }

func (c *call) setStar(on bool) error {
	defer c.forget(c.repo.Owner)
	if err := c.Store.Star(c.r.Context(), c.repo.ID, c.caller.ID, on); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
