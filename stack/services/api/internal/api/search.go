package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

var searchTypes = []string{"code", "issue", "pr", "wiki", "user", "org", "repo"}

// either finds an `or`, which binds weaker than what stands side by side (docs/query-language.md).
var either = regexp.MustCompile(`(?i)(^|[\s(])or($|[\s)])`)

// narrowed is a query that finds one type of thing only.
func narrowed(query, kind string) string {
	switch {
	case kind == "":
		return query
	case query == "":
		return "type:" + kind
	case either.MatchString(query):
		return "(" + query + ") type:" + kind
	}
	return query + " type:" + kind
}

func (c *call) searchService() (*upstream.Search, error) {
	if c.Search == nil {
		return nil, fault.Unavailable("There is no search service", errors.New("SEARCH_URL is not set"))
	}
	return c.Search, nil
}

func (c *call) search() error      { return c.searchFor(c.query("type")) }
func (c *call) searchCode() error  { return c.searchFor("code") }
func (c *call) searchRepos() error { return c.searchFor("repo") }

func (c *call) searchFor(kind string) error {
	if kind != "" && !slices.Contains(searchTypes, kind) {
		return fault.BadRequest("type must be one of code, issue, pr, wiki, user, org, repo")
	}
	of, err := c.page()
	if err != nil {
		return err
	}
	service, err := c.searchService()
	if err != nil {
		return err
	}
	query := url.Values{
		"q": {narrowed(c.query("q"), kind)}, "page": {strconv.Itoa(of.Number)}, "per_page": {strconv.Itoa(of.Size)},
	}
	for _, name := range []string{"why", "engine"} {
		if value := c.query(name); value != "" {
			query.Set(name, value)
		}
	}
	results, err := service.Results(c.r.Context(), c.username(), query)
	if err != nil {
		return err
	}
	var counted struct {
		Total int64 `json:"total"`
	}
	if err := json.Unmarshal(results, &counted); err != nil {
		return service.Away(err)
	}
	return c.json(http.StatusOK, results, &meta{Page: of.Number, PerPage: of.Size, Total: &counted.Total})
}

func (c *call) suggest() error {
	limit := c.query("limit")
	if limit == "" {
		limit = "10"
	}
	if most, err := strconv.Atoi(limit); err != nil || most < 1 || most > 50 {
		return fault.BadRequest("limit must be a whole number from 1 to 50")
	}
	service, err := c.searchService()
	if err != nil {
		return err
	}
	found, err := service.Suggest(c.r.Context(), c.username(), url.Values{"q": {c.query("q")}, "limit": {limit}})
	if err != nil {
		return err
	}
	return c.ok(found)
}
