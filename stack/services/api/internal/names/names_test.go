package names

import (
	"strings"
	"testing"
)

func TestNamesThatTheForgeTakesAreTaken(t *testing.T) {
	for _, name := range []string{"a", "A9", "a.b", "a_b-c", "a-", "a_", "x.js"} {
		if !IsOwner(name) || !IsRepository(name) {
			t.Errorf("%q is a name", name)
		}
	}
	if !IsRepository("_x") || IsOwner("_x") {
		t.Error("a repository may begin with _, an owner may not")
	}
	if !IsOwner(strings.Repeat("a", 40)) || IsOwner(strings.Repeat("a", 41)) {
		t.Error("an owner has 40 characters at most")
	}
	if !IsRepository(strings.Repeat("a", 100)) || IsRepository(strings.Repeat("a", 101)) {
		t.Error("a repository has 100 characters at most")
	}
}

func TestNamesThatLeaveTheFolderOrConfuseGitAreRefused(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "a..b", "a/b", "/a", "-a", ".a", "a.", "a.git", "a.GIT", "a.wiki", "a.lock", "a b", "a\x00",
		"a%2Fb", "ä", "a\n", "~a", `a\b`,
	} {
		if IsOwner(name) || IsRepository(name) {
			t.Errorf("%q is no name", name)
		}
	}
}

func TestAFolderNamesARepositoryOrItsWiki(t *testing.T) {
	for folder, want := range map[string]string{"r.git": "r", "r.wiki.git": "r wiki", "a.js.git": "a.js"} {
		name, wiki, ok := Folder(folder)
		got := name
		if wiki {
			got += " wiki"
		}
		if !ok || got != want {
			t.Errorf("%q: %q, %v", folder, got, ok)
		}
	}
	for _, folder := range []string{"r", ".git", ".wiki.git", "r.git.git", "r.wiki.wiki.git", "..git", "...git"} {
		if _, _, ok := Folder(folder); ok {
			t.Errorf("%q is no folder of a repository", folder)
		}
	}
}

func TestRefsFollowGitsFormat(t *testing.T) {
	for _, name := range []string{"main", "feature/x", "v1.0", "ünï", "a@b"} {
		if !IsRef(name) {
			t.Errorf("%q is a ref", name)
		}
	}
	for _, name := range []string{
		"", "-x", "a..b", "a b", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a~1", "a^", "a:b", "@{u}", "x.", "\xff",
	} {
		if IsRef(name) {
			t.Errorf("%q is no ref", name)
		}
	}
}
