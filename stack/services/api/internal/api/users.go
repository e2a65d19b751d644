package api

import (
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

func (c *call) getSelf() error {
	user, err := c.Store.FindUser(c.r.Context(), c.caller.Username)
	if err != nil {
		return err
	}
	if user == nil {
		return fault.Unauthorized("The token is not known, or has expired")
	}
	return c.ok(viewSelf(user))
}

func (c *call) patchSelf() error {
	var asked struct {
		FullName *string `json:"full_name"`
		Bio      *string `json:"bio"`
		Location *string `json:"location"`
		Website  *string `json:"website"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(asked.FullName, "full_name", 0, 100)
	k.text(asked.Bio, "bio", 0, 4000)
	k.line(asked.Location, "location", 0, 100)
	k.website(asked.Website)
	if err := k.err(); err != nil {
		return err
	}
	user, err := c.Store.UpdateUser(c.r.Context(), c.caller.ID, store.Profile(asked))
	if err != nil {
		return err
	}
	return c.ok(viewSelf(user))
}

func (k *check) website(address *string) {
	k.line(address, "website", 0, 255)
	if address != nil && *address != "" {
		k.that(isWebAddress(*address), "website", "must be an http or https address")
	}
}

func (c *call) listUsers() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Users(c.r.Context(), c.query("q"), of)
	if err != nil {
		return err
	}
	views := make([]userView, len(found))
	for i := range found {
		views[i] = viewUser(&found[i])
	}
	return page(c, views, total, of)
}

// namedUser is the user that a route names.
func (c *call) namedUser() (*store.User, error) {
	name := c.raw("username")
	if !names.IsOwner(name) {
		return nil, fault.NotFound("There is no such user")
	}
	user, err := c.Store.FindUser(c.r.Context(), name)
	if err == nil && user == nil {
		err = fault.NotFound("There is no such user")
	}
	return user, err
}

func (c *call) getUser() error {
	user, err := c.namedUser()
	if err != nil {
		return err
	}
	return c.ok(viewUser(user))
}

func (c *call) userRepos() error {
	user, err := c.namedUser()
	if err != nil {
		return err
	}
	return c.reposOf(user.Username)
}

func (c *call) listTokens() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.AccessTokens(c.r.Context(), c.caller.ID, of)
	if err != nil {
		return err
	}
	return page(c, found, total, of)
}

// createToken shows a token once; afterwards nobody knows it but its owner.
func (c *call) createToken() error {
	var asked struct {
		Name      string     `json:"name"`
		Scopes    []string   `json:"scopes"`
		ExpiresAt *time.Time `json:"expires_at"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(&asked.Name, "name", 1, 100)
	for _, scope := range asked.Scopes {
		k.that(scope == "read" || scope == "write" || scope == "admin", "scopes", "may be read, write or admin")
	}
	if asked.ExpiresAt != nil {
		k.that(asked.ExpiresAt.After(time.Now()) && asked.ExpiresAt.Year() < 10000, "expires_at", "must be in the future")
	}
	if err := k.err(); err != nil {
		return err
	}
	token, hash := newToken("era_")
	made, err := c.Store.AddAccessToken(c.r.Context(), c.caller.ID, asked.Name, hash, asked.Scopes, asked.ExpiresAt)
	if err != nil {
		return err
	}
	return c.created(struct {
		*store.AccessToken
		Token string `json:"token"`
	}{made, token})
}

func (c *call) deleteToken() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	removed, err := c.Store.RemoveAccessToken(c.r.Context(), c.caller.ID, id)
	if err != nil {
		return err
	}
	if !removed {
		return fault.NotFound("There is no such token")
	}
	return c.none()
}
