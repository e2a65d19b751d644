package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// Organization is a row of organization, with the caller's role in it ("" for none).
type Organization struct {
	ID          int64     `db:"id"`
	Name        string    `db:"name"`
	FullName    string    `db:"full_name"`
	Description string    `db:"description"`
	Location    string    `db:"location"`
	Website     string    `db:"website"`
	CreatedAt   time.Time `db:"created_at"`
	UpdatedAt   time.Time `db:"updated_at"`
	Role        string    `db:"role"`
}

const organizationColumns = `o.id, o.name, o.full_name, o.description, o.location, o.website, o.created_at, o.updated_at,
	COALESCE((SELECT m.role FROM organization_member m WHERE m.organization_id = o.id AND m.user_id = $1), '') AS role`

// FindOrganization by name, as a caller sees it; nil when there is none.
func (s *Store) FindOrganization(ctx context.Context, caller *int64, name string) (*Organization, error) {
	return one[Organization](ctx, s, s.Pool,
		`SELECT `+organizationColumns+` FROM organization o WHERE lower(o.name) = lower($2)`, caller, name)
}

// Organizations whose name holds a text.
func (s *Store) Organizations(ctx context.Context, caller *int64, text string, page Page) ([]Organization, int64, error) {
	const where = ` FROM organization o WHERE ($1 = '' OR strpos(lower(o.name), lower($1)) > 0
		OR strpos(lower(o.full_name), lower($1)) > 0)`
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*)`+where, text)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Organization](ctx, s, s.Pool, `SELECT `+organizationColumns+` FROM organization o
		WHERE ($2 = '' OR strpos(lower(o.name), lower($2)) > 0 OR strpos(lower(o.full_name), lower($2)) > 0)
		ORDER BY lower(o.name) LIMIT $3 OFFSET $4`, caller, text, page.Size, page.offset())
	return found, total, err
}

// CreateOrganization adds one whose first owner is the caller.
func (s *Store) CreateOrganization(ctx context.Context, caller int64, made Organization) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, _, err := value[int64](ctx, s, tx,
			`INSERT INTO owner (kind, name) VALUES ('organization', $1) RETURNING id`, made.Name)
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO organization (id, name, full_name, description) VALUES ($1, $2, $3, $4)`,
			id, made.Name, made.FullName, made.Description); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO organization_member (organization_id, user_id, role)
			VALUES ($1, $2, 'owner')`, id, caller); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventOrganization, subject: &id, owner: made.Name})
	})
}

// OrganizationChange is what an owner changes; nil stays.
type OrganizationChange struct{ FullName, Description, Location, Website *string }

// UpdateOrganization changes it.
func (s *Store) UpdateOrganization(ctx context.Context, org *Organization, to OrganizationChange) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		changed, err := exec(ctx, tx, `
			UPDATE organization SET full_name = COALESCE($2, full_name), description = COALESCE($3, description),
				location = COALESCE($4, location), website = COALESCE($5, website), updated_at = now()
			WHERE id = $1`, org.ID, to.FullName, to.Description, to.Location, to.Website)
		if err == nil && changed == 0 {
			err = fault.NotFound("There is no such organisation")
		}
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventOrganization, subject: &org.ID, owner: org.Name})
	})
}

// DeleteOrganization removes one that has no repositories any more.
func (s *Store) DeleteOrganization(ctx context.Context, org *Organization) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockOrganization(ctx, s, tx, org.ID); err != nil {
			return err
		}
		left, _, err := value[int64](ctx, s, tx,
			`SELECT count(*) FROM repository WHERE owner_id = $1 AND deleted_at IS NULL`, org.ID)
		if err != nil {
			return err
		}
		if left > 0 {
			return fault.Conflict("The organisation has repositories: delete them or give them away first")
		}
		if _, err := exec(ctx, tx, `DELETE FROM owner WHERE id = $1`, org.ID); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventOrganization, subject: &org.ID, owner: org.Name})
	})
}

// lockOrganization keeps others from changing who belongs to it, and from giving it repositories.
func lockOrganization(ctx context.Context, s *Store, tx pgx.Tx, id int64) error {
	_, present, err := value[int64](ctx, s, tx, `SELECT id FROM owner WHERE id = $1 FOR UPDATE`, id)
	if err == nil && !present {
		err = fault.NotFound("There is no such organisation")
	}
	return err
}

// Member is somebody who belongs to an organisation.
type Member struct {
	Username  string    `db:"username" json:"username"`
	FullName  string    `db:"full_name" json:"full_name"`
	Role      string    `db:"role" json:"role"`
	CreatedAt time.Time `db:"created_at" json:"created_at"`
}

// Members of an organisation, owners first.
func (s *Store) Members(ctx context.Context, id int64, page Page) ([]Member, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool,
		`SELECT count(*) FROM organization_member WHERE organization_id = $1`, id)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Member](ctx, s, s.Pool, `
		SELECT u.username, u.full_name, m.role, m.created_at FROM organization_member m JOIN "user" u ON u.id = m.user_id
		WHERE m.organization_id = $1 ORDER BY m.role DESC, lower(u.username) LIMIT $2 OFFSET $3`,
		id, page.Size, page.offset())
	return found, total, err
}

// SetMember gives a user a role in an organisation; "" takes them out of it and of all its teams. It keeps an owner.
func (s *Store) SetMember(ctx context.Context, org *Organization, username, role string) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockOrganization(ctx, s, tx, org.ID); err != nil {
			return err
		}
		user, err := userID(ctx, s, tx, username)
		if err != nil {
			return err
		}
		if role == "" {
			removed, err := exec(ctx, tx,
				`DELETE FROM organization_member WHERE organization_id = $1 AND user_id = $2`, org.ID, user)
			if err != nil {
				return err
			}
			if removed == 0 {
				return fault.NotFound("This user is no member of the organisation")
			}
		} else if _, err := exec(ctx, tx, `
			INSERT INTO organization_member (organization_id, user_id, role) VALUES ($1, $2, $3)
			ON CONFLICT (organization_id, user_id) DO UPDATE SET role = EXCLUDED.role`, org.ID, user, role); err != nil {
			return err
		}
		owners, _, err := value[int64](ctx, s, tx,
			`SELECT count(*) FROM organization_member WHERE organization_id = $1 AND role = 'owner'`, org.ID)
		if err != nil {
			return err
		}
		if owners == 0 {
			return fault.Conflict("An organisation needs an owner")
		}
		return announce(ctx, tx, event{kind: eventAccess, subject: &org.ID, owner: org.Name})
	})
}

// Team is a row of team.
type Team struct {
	ID              int64        `db:"id"`
	Name            string       `db:"name"`
	Permission      access.Level `db:"permission"`
	AllRepositories bool         `db:"all_repositories"`
	CreatedAt       time.Time    `db:"created_at"`
	Members         []string     `db:"members"`
	Repositories    []string     `db:"repositories"`
}

const teamColumns = `t.id, t.name, ` + rank + `t.permission) - 1 AS permission, t.all_repositories, t.created_at,
	ARRAY(SELECT u.username FROM team_member m JOIN "user" u ON u.id = m.user_id WHERE m.team_id = t.id
		ORDER BY lower(u.username))::text[] AS members,
	ARRAY(SELECT r.name FROM team_repository tr JOIN repository r ON r.id = tr.repository_id
		WHERE tr.team_id = t.id AND r.deleted_at IS NULL ORDER BY lower(r.name))::text[] AS repositories`

// Teams of an organisation, by name.
func (s *Store) Teams(ctx context.Context, org int64, page Page) ([]Team, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*) FROM team WHERE organization_id = $1`, org)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Team](ctx, s, s.Pool, `SELECT `+teamColumns+` FROM team t WHERE t.organization_id = $1
		ORDER BY lower(t.name) LIMIT $2 OFFSET $3`, org, page.Size, page.offset())
	return found, total, err
}

// FindTeam by name; nil when there is none.
func (s *Store) FindTeam(ctx context.Context, org int64, name string) (*Team, error) {
	return one[Team](ctx, s, s.Pool, `SELECT `+teamColumns+` FROM team t
		WHERE t.organization_id = $1 AND lower(t.name) = lower($2)`, org, name)
}

// team makes one transaction of a change to who may do what in an organisation.
func (s *Store) team(ctx context.Context, org *Organization, work func(ctx context.Context, tx pgx.Tx) error) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := work(ctx, tx); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventAccess, subject: &org.ID, owner: org.Name})
	})
}

// CreateTeam adds a team.
func (s *Store) CreateTeam(ctx context.Context, org *Organization, name string, level access.Level, all bool) error {
	return s.team(ctx, org, func(ctx context.Context, tx pgx.Tx) error {
		_, err := exec(ctx, tx, `INSERT INTO team (organization_id, name, permission, all_repositories)
			VALUES ($1, $2, $3, $4)`, org.ID, name, level.String(), all)
		return err
	})
}

// TeamChange is what an owner changes; nil stays.
type TeamChange struct {
	Name            *string
	Permission      *access.Level
	AllRepositories *bool
}

// UpdateTeam changes it.
func (s *Store) UpdateTeam(ctx context.Context, org *Organization, team int64, to TeamChange) error {
	return s.team(ctx, org, func(ctx context.Context, tx pgx.Tx) error {
		var level *string
		if to.Permission != nil {
			word := to.Permission.String()
			level = &word
		}
		_, err := exec(ctx, tx, `UPDATE team SET name = COALESCE($2, name), permission = COALESCE($3, permission),
			all_repositories = COALESCE($4, all_repositories) WHERE id = $1`, team, to.Name, level, to.AllRepositories)
		return err
	})
}

// DeleteTeam removes it.
func (s *Store) DeleteTeam(ctx context.Context, org *Organization, team int64) error {
	return s.team(ctx, org, func(ctx context.Context, tx pgx.Tx) error {
		_, err := exec(ctx, tx, `DELETE FROM team WHERE id = $1`, team)
		return err
	})
}

// SetTeamMember puts a user into a team, and into its organisation if need be; or takes them out of the team.
func (s *Store) SetTeamMember(ctx context.Context, org *Organization, team int64, username string, in bool) error {
	return s.team(ctx, org, func(ctx context.Context, tx pgx.Tx) error {
		user, err := userID(ctx, s, tx, username)
		if err != nil {
			return err
		}
		if !in {
			removed, err := exec(ctx, tx, `DELETE FROM team_member WHERE team_id = $1 AND user_id = $2`, team, user)
			if err == nil && removed == 0 {
				err = fault.NotFound("This user is no member of the team")
			}
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO organization_member (organization_id, user_id, role)
			VALUES ($1, $2, 'member') ON CONFLICT DO NOTHING`, org.ID, user); err != nil {
			return err
		}
		_, err = exec(ctx, tx, `INSERT INTO team_member (team_id, organization_id, user_id) VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`, team, org.ID, user)
		return err
	})
}

// SetTeamRepository gives a team its level on one repository of its organisation, or takes it away.
func (s *Store) SetTeamRepository(ctx context.Context, org *Organization, team int64, name string, in bool) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, present, err := value[int64](ctx, s, tx, `SELECT id FROM repository
			WHERE owner_id = $1 AND lower(name) = lower($2) AND deleted_at IS NULL`, org.ID, name)
		if err == nil && !present {
			err = fault.NotFound("There is no such repository")
		}
		if err != nil {
			return err
		}
		row, err := lock(ctx, s, tx, id)
		if err != nil {
			return err
		}
		query := `DELETE FROM team_repository WHERE team_id = $1 AND repository_id = $2`
		if in {
			query = `INSERT INTO team_repository (team_id, repository_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
		}
		changed, err := exec(ctx, tx, query, team, id)
		if err == nil && !in && changed == 0 {
			err = fault.NotFound("The team has no level of its own on this repository")
		}
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventAccess, repository: row})
	})
}
