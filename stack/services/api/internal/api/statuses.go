package api

import (
	"slices"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

func (c *call) sha() (string, error) {
	sha := c.raw("sha")
	if !names.IsOID(sha) {
		return "", fault.NotFound("There is no such commit")
	}
	return sha, nil
}

func (c *call) listStatuses() error {
	sha, err := c.sha()
	if err != nil {
		return err
	}
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Statuses(c.r.Context(), c.repo.ID, sha, of)
	if err != nil {
		return err
	}
	for i := range found {
		found[i].CreatedAt = found[i].CreatedAt.UTC()
	}
	return page(c, found, total, of)
}

func (c *call) setStatus() error {
	sha, err := c.sha()
	if err != nil {
		return err
	}
	var asked struct {
		Context     string `json:"context"`
		State       string `json:"state"`
		Description string `json:"description"`
		TargetURL   string `json:"target_url"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(&asked.Context, "context", 1, 100)
	k.that(slices.Contains([]string{"pending", "success", "failure", "error"}, asked.State), "state",
		"must be pending, success, failure or error")
	k.line(&asked.Description, "description", 0, 1000)
	k.line(&asked.TargetURL, "target_url", 0, 2000)
	k.that(asked.TargetURL == "" || isWebAddress(asked.TargetURL), "target_url", "must be an http or https address")
	if err := k.err(); err != nil {
		return err
	}
	if _, err := c.Git.Commit(c.r.Context(), c.gitRepo(), sha); err != nil {
		if upstream.Missing(err) {
			return fault.NotFound("There is no such commit")
		}
		return err
	}
	made, err := c.Store.SetStatus(c.r.Context(), c.repo.ID, sha, store.Status{
		Context: asked.Context, State: asked.State, Description: asked.Description, TargetURL: asked.TargetURL,
	})
	if err != nil {
		return err
	}
	made.CreatedAt = made.CreatedAt.UTC()
	return c.created(made)
}
