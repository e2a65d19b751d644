package api

import (
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

// userView is a user as everybody sees one: without the e-mail address.
type userView struct {
	ID        int64     `json:"id"`
	Username  string    `json:"username"`
	FullName  string    `json:"full_name"`
	AvatarURL string    `json:"avatar_url"`
	Bio       string    `json:"bio"`
	Location  string    `json:"location"`
	Website   string    `json:"website"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func viewUser(u *store.User) userView {
	return userView{u.ID, u.Username, u.FullName, u.AvatarURL, u.Bio, u.Location, u.Website, u.CreatedAt.UTC(),
		u.UpdatedAt.UTC()}
}

// selfView is a user as they see themselves.
type selfView struct {
	userView
	Email   string `json:"email"`
	IsAdmin bool   `json:"is_admin"`
}

func viewSelf(u *store.User) selfView { return selfView{viewUser(u), u.Email, u.IsAdmin} }

func (c *call) register() error {
	var asked struct {
		Username string `json:"username"`
		Email    string `json:"email"`
		Password string `json:"password"`
		FullName string `json:"full_name"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	if !c.Config.Registration {
		return fault.Forbidden("New accounts can't be opened here")
	}
	var k check
	k.that(names.IsOwner(asked.Username), "username", badOwner)
	k.that(!names.IsTaken(asked.Username), "username", "is reserved")
	k.that(isEmail(asked.Email), "email", "must be an e-mail address")
	k.text(&asked.Password, "password", 8, mostPassword)
	k.line(&asked.FullName, "full_name", 0, 100)
	if err := k.err(); err != nil {
		return err
	}
	var hash []byte
	if err := c.hash(c.r.Context(), func() (err error) {
		hash, err = hashPassword(asked.Password, c.Config.BcryptCost)
		return err
	}); err != nil {
		return err
	}
	made, err := c.Store.Register(c.r.Context(), store.User{
		Username: asked.Username, Email: asked.Email, FullName: asked.FullName,
	}, string(hash))
	if err != nil {
		return err
	}
	return c.created(viewUser(made))
}

const badOwner = "may hold letters, digits, `_`, `.` and `-`, at most 40; it begins with a letter or a digit and " +
	"doesn't end in .git, .wiki, .lock or a dot"

func isEmail(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && len(text) <= 254 && strings.IndexByte(text, '@') > 0
}

func (c *call) login() error {
	var asked struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.text(&asked.Username, "username", 1, 254)
	k.that(len(asked.Password) > 0 && len(asked.Password) <= 1024, "password", "must have 1 to 1024 bytes")
	if err := k.err(); err != nil {
		return err
	}
	known, err := c.signIn(c, asked.Username, asked.Password)
	if err != nil {
		if fault.Is(err, http.StatusServiceUnavailable) {
			c.Metrics.SignIn("unavailable")
		} else {
			c.Metrics.SignIn("refused")
		}
		return err
	}
	token, hash := newToken("ers_")
	expires := time.Now().Add(c.Config.SessionLife).UTC().Truncate(time.Second)
	user, err := c.Store.OpenSession(c.r.Context(), known.ID, hash, expires)
	if err != nil {
		c.Metrics.SignIn("unavailable")
		return err
	}
	c.Metrics.SignIn("success")
	stateOf(c.r).user = user.ID
	return c.ok(map[string]any{"token": token, "expires_at": expires, "user": viewSelf(user)})
}

func (c *call) logout() error {
	if err := c.Store.CloseToken(c.r.Context(), c.caller); err != nil {
		return err
	}
	return c.none()
}
