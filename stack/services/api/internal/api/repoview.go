package api

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

// repoView is a repository as the contract shows it.
type repoView struct {
	ID            int64        `json:"id"`
	Owner         string       `json:"owner"`
	OwnerKind     string       `json:"owner_kind"`
	Name          string       `json:"name"`
	FullName      string       `json:"full_name"`
	Description   string       `json:"description"`
	Private       bool         `json:"private"`
	Fork          bool         `json:"fork"`
	Archived      bool         `json:"archived"`
	DefaultBranch string       `json:"default_branch"`
	Stars         int32        `json:"stars"`
	Forks         int32        `json:"forks"`
	Size          int64        `json:"size"`
	Language      string       `json:"language"`
	CloneURL      string       `json:"clone_url"`
	Permission    access.Level `json:"permission"`
	Starred       bool         `json:"starred"`
	Empty         *bool        `json:"empty"` // null: git can't be asked now
	CreatedAt     time.Time    `json:"created_at"`
	UpdatedAt     time.Time    `json:"updated_at"`
}

func (c *call) viewRepo(r *store.Repository, known *shape) repoView {
	view := repoView{
		ID: r.ID, Owner: r.Owner, OwnerKind: r.OwnerKind, Name: r.Name, FullName: r.FullName(),
		Description: r.Description, Private: r.Private, Fork: r.Fork, Archived: r.Archived,
		DefaultBranch: r.DefaultBranch, Stars: r.Stars, Forks: r.Forks, Size: r.Size,
		CloneURL: c.address() + "/" + r.FullName() + ".git", Permission: r.Level, Starred: r.Starred,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if known != nil {
		view.Language, view.Empty = known.Language, &known.Empty
		if view.Size == 0 {
			view.Size = known.Size
		}
	}
	return view
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9.\-_\[\]:]{1,255}$`)

// address is where clients reach this service.
func (c *call) address() string {
	if c.Config.PublicURL != "" {
		return c.Config.PublicURL
	}
	if hostPattern.MatchString(c.r.Host) {
		return "http://" + c.r.Host
	}
	return "http://" + c.Config.Listen
}

func (c *call) gitRepo() upstream.Repo { return gitRepoOf(c, c.repo) }

func gitRepoOf(c *call, r *store.Repository) upstream.Repo {
	return upstream.Repo{Owner: r.Owner, Name: r.Name, User: c.username()}
}

// shape is what only git knows of a repository, worked out from the tree of its HEAD. It is kept under the digest of
// the refs and the moment of the last change, both of which a push moves: an entry never has to be invalidated.
type shape struct {
	Language string `json:"language"`
	Empty    bool   `json:"empty"`
	Size     int64  `json:"size"` // of the files at HEAD, in bytes
}

const mostFiles = 20_000

// shapes are those that this process has worked out or seen; the cluster has them for the others.
type shapes struct {
	group singleflight.Group
	mutex sync.Mutex
	known map[string]*shape
}

const mostShapes = 10_000

func (k *shapes) get(key string) *shape {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.known[key]
}

func (k *shapes) keep(key string, value *shape) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.known == nil || len(k.known) >= mostShapes {
		k.known = map[string]*shape{}
	}
	k.known[key] = value
}

func (c *call) shape(ctx context.Context, r *store.Repository) (*shape, error) {
	key := fmt.Sprintf("shape:{%d}:%s:%d", r.ID, r.Digest, r.UpdatedAt.UnixMicro())
	if known := c.shapes.get(key); known != nil {
		return known, nil
	}
	made, err, _ := c.shapes.group.Do(key, func() (any, error) {
		// Whoever asked first may leave; the others still wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		var known shape
		if c.Cache.Content(ctx, key, &known) {
			return &known, nil
		}
		tree, err := c.Git.Tree(ctx, gitRepoOf(c, r), "", "", true, mostFiles)
		if err != nil {
			return nil, err
		}
		found := shapeOf(tree)
		if tree.Commit == "" {
			summary, err := c.Git.Summary(ctx, gitRepoOf(c, r))
			if err != nil {
				return nil, err
			}
			found.Empty = summary.Empty
		}
		c.Cache.KeepContent(ctx, key, found)
		return found, nil
	})
	if err != nil {
		return nil, err
	}
	c.shapes.keep(key, made.(*shape))
	return made.(*shape), nil
}

func shapeOf(tree *upstream.Tree) *shape {
	found := &shape{Empty: tree.Commit == ""}
	sizes := map[string]int64{}
	for _, entry := range tree.Entries {
		if entry.Type != "blob" || entry.Size == nil {
			continue
		}
		found.Size += *entry.Size
		if name, counts := languageOf(entry.Name); counts {
			sizes[name] += *entry.Size
		}
	}
	for name, size := range sizes {
		if size > sizes[found.Language] || (size == sizes[found.Language] && name < found.Language) {
			found.Language = name
		}
	}
	return found
}

// shapesOf works out several at once, a few at a time, within a moment: a list doesn't fail because git is away.
func (c *call) shapesOf(all []store.Repository) []*shape {
	ctx, cancel := context.WithTimeout(c.r.Context(), 2*time.Second)
	defer cancel()
	found := make([]*shape, len(all))
	places := make(chan struct{}, 4)
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			case <-ctx.Done():
				return
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if known, err := c.shape(ctx, &all[i]); err == nil {
					found[i] = known
				}
			}()
			select {
			case <-done:
			case <-ctx.Done():
			}
		})
	}
	wait.Wait()
	return found
}

func (c *call) viewRepos(all []store.Repository) []repoView {
	shapes := c.shapesOf(all)
	views := make([]repoView, len(all))
	for i := range all {
		views[i] = c.viewRepo(&all[i], shapes[i])
	}
	return views
}

func cacheKey(name string, user int64) string { return name + ":" + strconv.FormatInt(user, 10) }
