package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

// raw is a part of the path as it arrived: a name needs no escape, so none is decoded.
func (c *call) raw(name string) string { return chi.URLParam(c.r, name) }

// param is a part of the path, decoded; what can't be text is nothing.
func (c *call) param(name string) string {
	text := chi.URLParam(c.r, name)
	if c.r.URL.RawPath != "" {
		decoded, err := url.PathUnescape(text)
		if err != nil {
			return ""
		}
		text = decoded
	}
	if !storable(text) {
		return ""
	}
	return text
}

func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// number is a part of the path that is a number from 1 to 2^31-1; anything else isn't there.
func (c *call) number(name string) (int, error) {
	value, err := strconv.ParseInt(c.raw(name), 10, 32)
	if err != nil || value < 1 {
		return 0, fault.NotFound("There is no such number")
	}
	return int(value), nil
}

func (c *call) id(name string) (int64, error) {
	value, err := strconv.ParseInt(c.raw(name), 10, 64)
	if err != nil || value < 1 {
		return 0, fault.NotFound("There is nothing with this id")
	}
	return value, nil
}

// query is a parameter after the `?`.
func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// checkQuery refuses parameters that can't be text, once for all handlers.
func checkQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.BadRequest("The parameters can't be understood")
	}
	for name, all := range values {
		for _, value := range all {
			if !storable(value) || !storable(name) {
				return fault.BadRequest("The parameters must be valid UTF-8 without NUL characters")
			}
		}
	}
	return nil
}

const (
	defaultSize = 30
	mostSize    = 100
	mostPage    = 1_000_000
)

// page is which part of a list is asked for.
func (c *call) page() (store.Page, error) {
	of := store.Page{Number: 1, Size: defaultSize}
	for name, limit := range map[string]int{"page": mostPage, "per_page": mostSize} {
		text := c.query(name)
		if text == "" {
			continue
		}
		value, err := strconv.Atoi(text)
		if err != nil || value < 1 || value > limit {
			return of, fault.BadRequest(name + " must be a whole number from 1 to " + strconv.Itoa(limit))
		}
		if name == "page" {
			of.Number = value
		} else {
			of.Size = value
		}
	}
	return of, nil
}

// choice is a parameter with few values; the first is the default.
func (c *call) choice(name string, values ...string) (string, error) {
	text := c.query(name)
	if text == "" {
		return values[0], nil
	}
	for _, value := range values {
		if text == value {
			return text, nil
		}
	}
	return "", fault.BadRequest(name + " must be one of " + strings.Join(values, ", "))
}
