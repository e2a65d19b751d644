package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// Git is the git service.
type Git struct{ Service }

// NewGit reaches it at an address.
func NewGit(base, token string, transport http.RoundTripper) *Git {
	return &Git{newService("git", base, token, transport)}
}

// Base is its address, and Token what it wants to be shown: for the proxy.
func (g *Git) Base() string { return g.base }

// Token is what the service wants to be shown.
func (g *Git) Token() string { return g.token }

// Repo names a repository, as the forge writes it.
type Repo struct {
	Owner, Name string
	Wiki        bool
	User        string // for whom; for the service's log
}

func (r Repo) path(rest string) string {
	return "/internal/repositories/" + url.PathEscape(r.Owner) + "/" + url.PathEscape(r.Name) + rest
}

func (r Repo) query(pairs ...string) url.Values {
	query := url.Values{}
	if r.Wiki {
		query.Set("wiki", "true")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return query
}

// Summary is what there is at all.
type Summary struct {
	DefaultBranch string  `json:"default_branch"`
	Head          *string `json:"head"`
	Empty         bool    `json:"empty"`
}

// Summary of a repository.
func (g *Git) Summary(ctx context.Context, repo Repo) (Summary, error) {
	data, _, err := ask[Summary](ctx, &g.Service, http.MethodGet, repo.path(""), repo.query(), repo.User, nil)
	return data, err
}

// Create makes a repository with its row.
func (g *Git) Create(ctx context.Context, repo Repo, branch, description string, private bool) error {
	body := map[string]any{
		"owner": repo.Owner, "name": repo.Name, "default_branch": branch, "description": description, "private": private,
	}
	_, _, err := ask[any](ctx, &g.Service, http.MethodPost, "/internal/repositories", nil, repo.User, body)
	return err
}

// Delete removes a repository and its row.
func (g *Git) Delete(ctx context.Context, repo Repo) error {
	_, _, err := ask[any](ctx, &g.Service, http.MethodDelete, repo.path(""), nil, repo.User, nil)
	return err
}

// Rename gives it another name, another owner, or both.
func (g *Git) Rename(ctx context.Context, repo Repo, owner, name string) error {
	body := map[string]any{"owner": owner, "name": name}
	_, _, err := ask[any](ctx, &g.Service, http.MethodPost, repo.path("/rename"), nil, repo.User, body)
	return err
}

// SetDefaultBranch changes the row and HEAD.
func (g *Git) SetDefaultBranch(ctx context.Context, repo Repo, branch string) error {
	body := map[string]any{"branch": branch}
	_, _, err := ask[any](ctx, &g.Service, http.MethodPut, repo.path("/default-branch"), nil, repo.User, body)
	return err
}

// Sync lets heads of pull requests follow their branches.
func (g *Git) Sync(ctx context.Context, repo Repo) error {
	_, _, err := ask[any](ctx, &g.Service, http.MethodPost, repo.path("/sync"), nil, repo.User, nil)
	return err
}

// Ref is a ref and the object it names.
type Ref struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// Refs below a prefix, by name, at most 10,000 of them.
func (g *Git) Refs(ctx context.Context, repo Repo, prefix string) ([]Ref, error) {
	query := repo.query("prefix", prefix, "limit", "10000")
	data, _, err := ask[[]Ref](ctx, &g.Service, http.MethodGet, repo.path("/refs"), query, repo.User, nil)
	return data, err
}

// Person is who made a commit, and when.
type Person struct {
	Name string `json:"name"`
	Date string `json:"date"`
}

// Commit is one commit. The e-mail addresses that git keeps are left behind here.
type Commit struct {
	ID        string   `json:"id"`
	Tree      string   `json:"tree"`
	Parents   []string `json:"parents"`
	Author    Person   `json:"author"`
	Committer Person   `json:"committer"`
	Message   string   `json:"message"`
}

// Commits from a ref, newest first; whether there are more.
func (g *Git) Commits(
	ctx context.Context, repo Repo, ref, path, exclude string, page, size int,
) ([]Commit, bool, error) {
	query := repo.query("ref", ref, "path", path, "exclude", exclude, "page", strconv.Itoa(page),
		"per_page", strconv.Itoa(size))
	data, meta, err := ask[[]Commit](ctx, &g.Service, http.MethodGet, repo.path("/commits"), query, repo.User, nil)
	return data, meta.More, err
}

// Commit that a ref names.
func (g *Git) Commit(ctx context.Context, repo Repo, ref string) (*Commit, error) {
	found, _, err := g.Commits(ctx, repo, ref, "", "", 1, 1)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.NotFound("There is no such ref or commit")
	}
	return &found[0], nil
}

// Entry is something in a folder.
type Entry struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
	Type string `json:"type"`
	ID   string `json:"id"`
	Size *int64 `json:"size"`
}

// Tree is a folder at a commit; the commit is empty where there is none yet.
type Tree struct {
	Commit    string
	Entries   []Entry
	Truncated bool
}

// Tree lists a folder.
func (g *Git) Tree(ctx context.Context, repo Repo, ref, path string, recursive bool, limit int) (*Tree, error) {
	query := repo.query("ref", ref, "path", path, "limit", strconv.Itoa(limit))
	if recursive {
		query.Set("recursive", "true")
	}
	data, meta, err := ask[[]Entry](ctx, &g.Service, http.MethodGet, repo.path("/tree"), query, repo.User, nil)
	if err != nil {
		return nil, err
	}
	tree := &Tree{Entries: data, Truncated: meta.Truncated}
	if meta.Commit != nil {
		tree.Commit = *meta.Commit
	}
	return tree, nil
}

// Blob streams a file by its id; the body is the caller's to close.
func (g *Git) Blob(ctx context.Context, repo Repo, id string) (*http.Response, error) {
	return g.send(ctx, http.MethodGet, repo.path("/blob"), repo.query("id", id), repo.User, nil)
}

// Comparison of two commits.
type Comparison struct {
	Base        string        `json:"base"`
	Head        string        `json:"head"`
	MergeBase   *string       `json:"merge_base"`
	Ahead       int64         `json:"ahead"`
	Behind      int64         `json:"behind"`
	FastForward bool          `json:"fast_forward"`
	Commits     []Commit      `json:"commits"`
	Files       []ChangedFile `json:"files"`
	Truncated   bool          `json:"truncated"`
}

// ChangedFile is a file that differs.
type ChangedFile struct {
	Path    string `json:"path"`
	Status  string `json:"status"`
	OldMode string `json:"old_mode"`
	Mode    string `json:"mode"`
	Old     string `json:"old"`
	New     string `json:"new"`
}

// Compare two refs.
func (g *Git) Compare(ctx context.Context, repo Repo, base, head string) (*Comparison, error) {
	query := repo.query("base", base, "head", head)
	data, _, err := ask[Comparison](ctx, &g.Service, http.MethodGet, repo.path("/compare"), query, repo.User, nil)
	return &data, err
}

// Merge is how a pull request is merged.
type Merge struct {
	By     string `json:"by"`
	Author struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"author"`
	Message      *string `json:"message,omitempty"`
	ExpectedHead *string `json:"expected_head,omitempty"`
	Strategy     string  `json:"strategy,omitempty"`
}

// Merged is what came of it.
type Merged struct {
	Number      int    `json:"number"`
	MergeCommit string `json:"merge_commit"`
	Head        string `json:"head"`
	Base        string `json:"base"`
	FastForward bool   `json:"fast_forward"`
}

// Merge merges a pull request.
func (g *Git) Merge(ctx context.Context, repo Repo, number int, how Merge) (*Merged, error) {
	path := repo.path("/pulls/" + strconv.Itoa(number) + "/merge")
	data, _, err := ask[Merged](ctx, &g.Service, http.MethodPost, path, nil, repo.User, how)
	return &data, err
}

// Missing says whether git answered that something isn't there.
func Missing(err error) bool {
	var found *fault.Fault
	return errors.As(err, &found) && found.Status == http.StatusNotFound
}
