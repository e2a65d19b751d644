package upstream

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Search is the search service.
type Search struct{ Service }

// NewSearch reaches it at an address.
func NewSearch(base, token string, transport http.RoundTripper) *Search {
	return &Search{newService("search", base, token, transport)}
}

// Results of a query for a user (or anonymous), as the service puts them.
func (s *Search) Results(ctx context.Context, user string, query url.Values) (json.RawMessage, error) {
	data, _, err := ask[json.RawMessage](ctx, &s.Service, http.MethodGet, "/search", query, user, nil)
	return data, err
}

// Suggest completes what is being typed.
func (s *Search) Suggest(ctx context.Context, user string, query url.Values) (json.RawMessage, error) {
	data, _, err := ask[json.RawMessage](ctx, &s.Service, http.MethodGet, "/suggest", query, user, nil)
	return data, err
}
