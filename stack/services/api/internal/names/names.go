// Package names holds the rules of names that are safe in a path, a URL and a git command: those of
// stack/forge/names.py, so that what passes here passes there, and the reverse.
package names

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	owner      = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,38}[A-Za-z0-9_-])?$`)
	repository = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)
	oid        = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
)

var endings = []string{".git", ".wiki", ".lock", "."}

// First parts of paths that belong to the web pages and to this service: an owner of that name would hide them.
var taken = map[string]bool{
	"_next": true, "admin": true, "api": true, "assets": true, "dashboard": true, "explore": true, "favicon.ico": true,
	"healthz": true, "internal": true, "jobs": true, "login": true, "logout": true, "metrics": true, "new": true,
	"organizations": true, "orgs": true, "readyz": true, "register": true, "repos": true, "robots.txt": true,
	"search": true, "settings": true, "static": true, "user": true, "users": true, "ws": true,
}

func reserved(name string) bool {
	lower := strings.ToLower(name)
	for _, ending := range endings {
		if strings.HasSuffix(lower, ending) {
			return true
		}
	}
	return strings.Contains(name, "..")
}

// IsOwner says whether this can be the name of a user or an organisation.
func IsOwner(name string) bool { return owner.MatchString(name) && !reserved(name) }

// IsTaken says whether a new owner can't have a name because a page has it.
func IsTaken(name string) bool { return taken[strings.ToLower(name)] }

// IsRepository says whether this can be the name of a repository.
func IsRepository(name string) bool { return repository.MatchString(name) && !reserved(name) }

// IsOID says whether this is a whole object id.
func IsOID(text string) bool { return oid.MatchString(text) }

// IsRef says whether git takes this as the short name of a branch or a tag (git-check-ref-format(1)).
func IsRef(name string) bool {
	if name == "" || len(name) > 255 || name == "HEAD" || name == "@" || !utf8.ValidString(name) {
		return false
	}
	if name[0] == '-' || strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for _, c := range name {
		if unicode.IsControl(c) || strings.ContainsRune(" ~^:?*[\\", c) {
			return false
		}
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// Folder splits `name.git` or `name.wiki.git` into the repository's name and whether it is the wiki.
func Folder(folder string) (name string, wiki, ok bool) {
	stem, found := strings.CutSuffix(folder, ".git")
	if !found {
		return "", false, false
	}
	name, wiki = strings.CutSuffix(stem, ".wiki")
	return name, wiki, IsRepository(name)
}
