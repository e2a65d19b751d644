package api

import (
	"net/url"
	"strings"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

type orgView struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	FullName    string    `json:"full_name"`
	Description string    `json:"description"`
	Location    string    `json:"location"`
	Website     string    `json:"website"`
	Role        string    `json:"role"` // of the caller: owner, member or none
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

func viewOrg(o *store.Organization) orgView {
	role := o.Role
	if role == "" {
		role = "none"
	}
	return orgView{o.ID, o.Name, o.FullName, o.Description, o.Location, o.Website, role, o.CreatedAt.UTC(),
		o.UpdatedAt.UTC()}
}

func isWebAddress(text string) bool {
	address, err := url.Parse(text)
	return err == nil && address.Host != "" && (address.Scheme == "http" || address.Scheme == "https")
}

// org is the organisation that a route names. Organisations are public; what is inside may not be.
func (c *call) org() (*store.Organization, error) {
	name := c.raw("org")
	if !names.IsOwner(name) {
		return nil, fault.NotFound("There is no such organisation")
	}
	found, err := c.Store.FindOrganization(c.r.Context(), c.userID(), name)
	if err == nil && found == nil {
		err = fault.NotFound("There is no such organisation")
	}
	return found, err
}

// ownOrg is the same for those who own it; the second place where something is refused by who asks, and the only one
// for organisations.
func (c *call) ownOrg() (*store.Organization, error) {
	found, err := c.org()
	if err == nil && found.Role != "owner" {
		return nil, fault.Forbidden("Only owners of the organisation may do that")
	}
	return found, err
}

func (c *call) listOrgs() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Organizations(c.r.Context(), c.userID(), c.query("q"), of)
	if err != nil {
		return err
	}
	views := make([]orgView, len(found))
	for i := range found {
		views[i] = viewOrg(&found[i])
	}
	return page(c, views, total, of)
}

func (c *call) createOrg() error {
	var asked struct {
		Name        string `json:"name"`
		FullName    string `json:"full_name"`
		Description string `json:"description"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.that(names.IsOwner(asked.Name), "name", badOwner)
	k.that(!names.IsTaken(asked.Name), "name", "is reserved")
	k.line(&asked.FullName, "full_name", 0, 100)
	k.line(&asked.Description, "description", 0, 1000)
	if err := k.err(); err != nil {
		return err
	}
	err := c.Store.CreateOrganization(c.r.Context(), c.caller.ID, store.Organization{
		Name: asked.Name, FullName: asked.FullName, Description: asked.Description,
	})
	if err != nil {
		return err
	}
	made, err := c.Store.FindOrganization(c.r.Context(), c.userID(), asked.Name)
	if err != nil {
		return err
	}
	if made == nil {
		return fault.Conflict("The organisation was deleted again")
	}
	return c.created(viewOrg(made))
}

func (c *call) getOrg() error {
	found, err := c.org()
	if err != nil {
		return err
	}
	return c.ok(viewOrg(found))
}

func (c *call) patchOrg() error {
	found, err := c.ownOrg()
	if err != nil {
		return err
	}
	var asked struct {
		FullName    *string `json:"full_name"`
		Description *string `json:"description"`
		Location    *string `json:"location"`
		Website     *string `json:"website"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(asked.FullName, "full_name", 0, 100)
	k.line(asked.Description, "description", 0, 1000)
	k.line(asked.Location, "location", 0, 100)
	k.website(asked.Website)
	if err := k.err(); err != nil {
		return err
	}
	if err := c.Store.UpdateOrganization(c.r.Context(), found, store.OrganizationChange(asked)); err != nil {
		return err
	}
	return c.getOrg()
}

func (c *call) deleteOrg() error {
	found, err := c.ownOrg()
	if err != nil {
		return err
	}
	defer c.forget(found.Name)
	if err := c.Store.DeleteOrganization(c.r.Context(), found); err != nil {
		return err
	}
	return c.none()
}

func (c *call) listMembers() error {
	org, err := c.org()
	if err != nil {
		return err
	}
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Members(c.r.Context(), org.ID, of)
	if err != nil {
		return err
	}
	return page(c, found, total, of)
}

func (c *call) putMember() error {
	org, err := c.ownOrg()
	if err != nil {
		return err
	}
	asked := struct {
		Role string `json:"role"`
	}{"member"}
	if err := c.decode(&asked); err != nil {
		return err
	}
	if asked.Role != "owner" && asked.Role != "member" {
		return fault.Invalid("role", "must be owner or member")
	}
	return c.setMember(org, asked.Role)
}

// deleteMember: owners send others away; everybody may leave.
func (c *call) deleteMember() error {
	org, err := c.org()
	if err != nil {
		return err
	}
	if !strings.EqualFold(c.raw("username"), c.caller.Username) {
		if org, err = c.ownOrg(); err != nil {
			return err
		}
	}
	return c.setMember(org, "")
}

func (c *call) setMember(org *store.Organization, role string) error {
	defer c.forget(org.Name)
	if err := c.Store.SetMember(c.r.Context(), org, c.raw("username"), role); err != nil {
		return err
	}
	return c.none()
}
