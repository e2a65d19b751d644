package api

import (
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

type teamView struct {
	ID              int64        `json:"id"`
	Name            string       `json:"name"`
	Permission      access.Level `json:"permission"`
	AllRepositories bool         `json:"all_repositories"`
	Members         []string     `json:"members"`
	Repositories    []string     `json:"repositories"`
	CreatedAt       time.Time    `json:"created_at"`
}

func viewTeam(t *store.Team) teamView {
	return teamView{t.ID, t.Name, t.Permission, t.AllRepositories, t.Members, t.Repositories, t.CreatedAt.UTC()}
}

// insideOrg is an organisation whose inside the caller may see: that of a member. To others its teams aren't there.
func (c *call) insideOrg() (*store.Organization, error) {
	found, err := c.org()
	if err == nil && found.Role == "" {
		return nil, fault.NotFound("There is no such team")
	}
	return found, err
}

func (c *call) team(org *store.Organization) (*store.Team, error) {
	found, err := c.Store.FindTeam(c.r.Context(), org.ID, c.param("team"))
	if err == nil && found == nil {
		err = fault.NotFound("There is no such team")
	}
	return found, err
}

// ownTeam is a team that the caller may change.
func (c *call) ownTeam() (*store.Organization, *store.Team, error) {
	if _, err := c.insideOrg(); err != nil {
		return nil, nil, err
	}
	org, err := c.ownOrg()
	if err != nil {
		return nil, nil, err
	}
	team, err := c.team(org)
	return org, team, err
}

func (c *call) listTeams() error {
	org, err := c.insideOrg()
	if err != nil {
		return err
	}
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Teams(c.r.Context(), org.ID, of)
	if err != nil {
		return err
	}
	views := make([]teamView, len(found))
	for i := range found {
		views[i] = viewTeam(&found[i])
	}
	return page(c, views, total, of)
}

func (k *check) level(word *string, field string, most access.Level) *access.Level {
	if word == nil {
		return nil
	}
	level, known := access.Parse(*word)
	k.that(known && level <= most, field, "must be none, read, write, admin or owner, and not above "+most.String())
	return &level
}

func (c *call) createTeam() error {
	if _, err := c.insideOrg(); err != nil {
		return err
	}
	org, err := c.ownOrg()
	if err != nil {
		return err
	}
	asked := struct {
		Name            string `json:"name"`
		Permission      string `json:"permission"`
		AllRepositories bool   `json:"all_repositories"`
	}{Permission: "read"}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(&asked.Name, "name", 1, 100)
	level := k.level(&asked.Permission, "permission", access.Owner)
	if err := k.err(); err != nil {
		return err
	}
	defer c.forget(org.Name)
	if err := c.Store.CreateTeam(c.r.Context(), org, asked.Name, *level, asked.AllRepositories); err != nil {
		return err
	}
	made, err := c.Store.FindTeam(c.r.Context(), org.ID, asked.Name)
	if err != nil {
		return err
	}
	if made == nil {
		return fault.Conflict("The team was deleted again")
	}
	return c.created(viewTeam(made))
}

func (c *call) getTeam() error {
	org, err := c.insideOrg()
	if err != nil {
		return err
	}
	found, err := c.team(org)
	if err != nil {
		return err
	}
	return c.ok(viewTeam(found))
}

func (c *call) patchTeam() error {
	org, team, err := c.ownTeam()
	if err != nil {
		return err
	}
	var asked struct {
		Name            *string `json:"name"`
		Permission      *string `json:"permission"`
		AllRepositories *bool   `json:"all_repositories"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(asked.Name, "name", 1, 100)
	level := k.level(asked.Permission, "permission", access.Owner)
	if err := k.err(); err != nil {
		return err
	}
	defer c.forget(org.Name)
	if err := c.Store.UpdateTeam(c.r.Context(), org, team.ID, store.TeamChange{
		Name: asked.Name, Permission: level, AllRepositories: asked.AllRepositories,
	}); err != nil {
		return err
	}
	name := team.Name
	if asked.Name != nil {
		name = *asked.Name
	}
	after, err := c.Store.FindTeam(c.r.Context(), org.ID, name)
	if err != nil {
		return err
	}
	if after == nil {
		return fault.NotFound("There is no such team")
	}
	return c.ok(viewTeam(after))
}

func (c *call) deleteTeam() error {
	return c.changeTeam(func(org *store.Organization, team *store.Team) error {
		return c.Store.DeleteTeam(c.r.Context(), org, team.ID)
	})
}

func (c *call) putTeamMember() error    { return c.setTeamMember(true) }
func (c *call) deleteTeamMember() error { return c.setTeamMember(false) }
func (c *call) putTeamRepo() error      { return c.setTeamRepo(true) }
func (c *call) deleteTeamRepo() error   { return c.setTeamRepo(false) }

func (c *call) setTeamMember(in bool) error {
	return c.changeTeam(func(org *store.Organization, team *store.Team) error {
		return c.Store.SetTeamMember(c.r.Context(), org, team.ID, c.raw("username"), in)
	})
}

func (c *call) setTeamRepo(in bool) error {
	return c.changeTeam(func(org *store.Organization, team *store.Team) error {
		if !names.IsRepository(c.raw("repo")) {
			return noRepository()
		}
		return c.Store.SetTeamRepository(c.r.Context(), org, team.ID, c.raw("repo"), in)
	})
}

func (c *call) changeTeam(work func(org *store.Organization, team *store.Team) error) error {
	org, team, err := c.ownTeam()
	if err != nil {
		return err
	}
	defer c.forget(org.Name)
	if err := work(org, team); err != nil {
		return err
	}
	return c.none()
}
