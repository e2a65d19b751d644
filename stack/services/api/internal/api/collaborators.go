package api

import (
	"strings"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

func (c *call) listCollaborators() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Collaborators(c.r.Context(), c.repo.ID, of)
	if err != nil {
		return err
	}
	return page(c, found, total, of)
}

// putCollaborator: nobody gives more than they have.
func (c *call) putCollaborator() error {
	asked := struct {
		Level string `json:"level"`
	}{"read"}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	level := k.level(&asked.Level, "level", access.Owner)
	if err := k.err(); err != nil {
		return err
	}
	if *level > c.repo.Level {
		return fault.Forbidden("Nobody can give a level above their own")
	}
	return c.setCollaborator(level, c.repo.Level)
}

// deleteCollaborator: who manages the repository takes a level away; everybody may give up their own.
func (c *call) deleteCollaborator() error {
	if strings.EqualFold(c.raw("username"), c.caller.Username) {
		return c.setCollaborator(nil, access.Owner)
	}
	if c.repo.Level < access.Admin {
		return fault.Forbidden("You need the level admin on this repository")
	}
	return c.setCollaborator(nil, c.repo.Level)
}

func (c *call) setCollaborator(level *access.Level, limit access.Level) error {
	defer c.forget(c.repo.Owner)
	if err := c.Store.SetCollaborator(c.r.Context(), c.repo.ID, c.raw("username"), level, limit); err != nil {
		return err
	}
	return c.none()
}
