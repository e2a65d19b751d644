package api

import (
	"regexp"
	"strings"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

// filter is what a list of issues or pull requests is narrowed by.
func (c *call) filter(states ...string) (by store.Filter, err error) {
	by = store.Filter{Label: c.query("label"), Author: c.query("author")}
	if by.State, err = c.choice("state", append(states, "all")...); by.State == "all" {
		by.State = ""
	}
	return by, err
}

func utcIssue(i *store.Issue) {
	i.CreatedAt, i.UpdatedAt = i.CreatedAt.UTC(), i.UpdatedAt.UTC()
	if i.ClosedAt != nil {
		closed := i.ClosedAt.UTC()
		i.ClosedAt = &closed
	}
}

func (c *call) listIssues() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	by, err := c.filter("open", "closed")
	if err != nil {
		return err
	}
	found, total, err := c.Store.Issues(c.r.Context(), c.repo.ID, by, of)
	if err != nil {
		return err
	}
	for i := range found {
		utcIssue(&found[i])
	}
	return page(c, found, total, of)
}

func (k *check) labels(labels []string) {
	k.that(len(labels) <= 100, "labels", "may be 100 at most")
	for _, label := range labels {
		k.line(&label, "labels", 1, 50)
	}
}

func (c *call) openIssue() error {
	var asked struct {
		Title  string   `json:"title"`
		Body   string   `json:"body"`
		Labels []string `json:"labels"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.line(&asked.Title, "title", 1, 255)
	k.text(&asked.Body, "body", 0, mostBody)
	k.labels(asked.Labels)
	if err := k.err(); err != nil {
		return err
	}
	number, err := c.Store.OpenIssue(c.r.Context(), c.repo.ID, store.NewIssue{
		Author: c.caller.ID, Title: asked.Title, Body: asked.Body, Labels: asked.Labels,
	})
	if err != nil {
		return err
	}
	made, err := c.issueAt(number)
	if err != nil {
		return err
	}
	return c.created(made)
}

func (c *call) issueAt(number int) (*store.Issue, error) {
	found, err := c.Store.FindIssue(c.r.Context(), c.repo.ID, number)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fault.NotFound("There is no such issue")
	}
	utcIssue(found)
	return found, nil
}

func (c *call) issue() (*store.Issue, error) {
	number, err := c.number("number")
	if err != nil {
		return nil, err
	}
	return c.issueAt(number)
}

func (c *call) getIssue() error {
	found, err := c.issue()
	if err != nil {
		return err
	}
	return c.ok(found)
}

// authorOrWriter: what somebody wrote is theirs to change, and that of those who may write.
func (c *call) authorOrWriter(author int64) error {
	if author != c.caller.ID && c.repo.Level < access.Write {
		return fault.Forbidden("Only its author and those who may write can change this")
	}
	return nil
}

// change reads what is to be changed of an issue or a pull request.
func (c *call) issueChange(author int64) (to store.IssueChange, err error) {
	if err := c.authorOrWriter(author); err != nil {
		return to, err
	}
	var asked struct {
		Title  *string   `json:"title"`
		Body   *string   `json:"body"`
		State  *string   `json:"state"`
		Labels *[]string `json:"labels"`
	}
	if err := c.decode(&asked); err != nil {
		return to, err
	}
	var k check
	k.line(asked.Title, "title", 1, 255)
	k.text(asked.Body, "body", 0, mostBody)
	if asked.State != nil {
		k.that(*asked.State == "open" || *asked.State == "closed", "state", "must be open or closed")
	}
	if asked.Labels != nil {
		k.labels(*asked.Labels)
		if c.repo.Level < access.Write && k.err() == nil {
			return to, fault.Forbidden("You need the level write to label")
		}
	}
	return store.IssueChange(asked), k.err()
}

func (c *call) patchIssue() error {
	found, err := c.issue()
	if err != nil {
		return err
	}
	to, err := c.issueChange(found.AuthorID)
	if err != nil {
		return err
	}
	if err := c.Store.UpdateIssue(c.r.Context(), c.repo.ID, found.ID, false, to); err != nil {
		return err
	}
	return c.getIssue()
}

func (c *call) listComments() error {
	number, err := c.number("number")
	if err != nil {
		return err
	}
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, known, err := c.Store.Comments(c.r.Context(), c.repo.ID, number, of)
	if err != nil {
		return err
	}
	if !known {
		return fault.NotFound("There is no such number")
	}
	for i := range found {
		utcComment(&found[i])
	}
	return page(c, found, total, of)
}

func utcComment(m *store.Comment) { m.CreatedAt, m.UpdatedAt = m.CreatedAt.UTC(), m.UpdatedAt.UTC() }

func (c *call) commentBody() (string, error) {
	var asked struct {
		Body string `json:"body"`
	}
	if err := c.decode(&asked); err != nil {
		return "", err
	}
	var k check
	k.text(&asked.Body, "body", 1, mostBody)
	return asked.Body, k.err()
}

func (c *call) addComment() error {
	number, err := c.number("number")
	if err != nil {
		return err
	}
	body, err := c.commentBody()
	if err != nil {
		return err
	}
	id, err := c.Store.AddComment(c.r.Context(), c.repo.ID, number, c.caller.ID, body)
	if err != nil {
		return err
	}
	made, err := c.commentAt(id)
	if err != nil {
		return err
	}
	return c.created(made)
}

func (c *call) commentAt(id int64) (*store.Comment, error) {
	found, err := c.Store.FindComment(c.r.Context(), c.repo.ID, id)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fault.NotFound("There is no such comment")
	}
	utcComment(found)
	return found, nil
}

// ownComment is a comment that the caller may change.
func (c *call) ownComment() (*store.Comment, error) {
	id, err := c.id("id")
	if err != nil {
		return nil, err
	}
	found, err := c.commentAt(id)
	if err != nil {
		return nil, err
	}
	return found, c.authorOrWriter(found.AuthorID)
}

func (c *call) patchComment() error {
	found, err := c.ownComment()
	if err != nil {
		return err
	}
	body, err := c.commentBody()
	if err != nil {
		return err
	}
	if err := c.Store.SetComment(c.r.Context(), c.repo.ID, found.ID, &body); err != nil {
		return err
	}
	after, err := c.commentAt(found.ID)
	if err != nil {
		return err
	}
	return c.ok(after)
}

func (c *call) deleteComment() error {
	found, err := c.ownComment()
	if err != nil {
		return err
	}
	if err := c.Store.SetComment(c.r.Context(), c.repo.ID, found.ID, nil); err != nil {
		return err
	}
	return c.none()
}

func (c *call) listLabels() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	found, total, err := c.Store.Labels(c.r.Context(), c.repo.ID, of)
	if err != nil {
		return err
	}
	return page(c, found, total, of)
}

var colorPattern = regexp.MustCompile(`^[0-9a-f]{6}$`)

func (c *call) createLabel() error {
	asked := struct {
		Name        string `json:"name"`
		Color       string `json:"color"`
		Description string `json:"description"`
	}{Color: "cccccc"}
	if err := c.decode(&asked); err != nil {
		return err
	}
	asked.Color = strings.ToLower(strings.TrimPrefix(asked.Color, "#"))
	var k check
	k.line(&asked.Name, "name", 1, 50)
	k.that(colorPattern.MatchString(asked.Color), "color", "must be six hexadecimal digits")
	k.line(&asked.Description, "description", 0, 255)
	if err := k.err(); err != nil {
		return err
	}
	made, err := c.Store.AddLabel(c.r.Context(), c.repo.ID, store.Label{
		Name: asked.Name, Color: asked.Color, Description: asked.Description,
	})
	if err != nil {
		return err
	}
	return c.created(made)
}
