package api

import "testing"

func TestBytesBecomeTextInWhateverTheyWereWritten(t *testing.T) {
	for _, row := range []struct {
		data           string
		cut            bool
		text, encoding string
	}{
		{"", false, "", "utf-8"},
		{"plain\n", false, "plain\n", "utf-8"},
		{"\xef\xbb\xbfmarked", false, "marked", "utf-8"},
		{"h\xc3\xa9", false, "hé", "utf-8"},
		{"a\xe2\x82", true, "a", "utf-8"}, // a character is cut, not broken
		{"a\xe2\x82", false, "aâ‚", "windows-1252"},
		{"\xff\xfeh\x00i\x00", false, "hi", "utf-16le"},
		{"\xfe\xff\x00h\x00i", false, "hi", "utf-16be"},
		{"\xff\xfeh", false, "", "utf-16le"},
		{"a\x00b", false, "", "binary"},
		{"\x01\x02\xff", false, "", "binary"},
	} {
		text, encoding := decodeText([]byte(row.data), row.cut)
		if text != row.text || encoding != row.encoding {
			t.Errorf("%q: %q %s", row.data, text, encoding)
		}
	}
}

func TestLanguagesAreNamedAsInTheSearch(t *testing.T) {
	for path, want := range map[string]string{
		"src/main.rs": "Rust", "a/b.tsx": "TSX", "x.ts": "TypeScript", "Dockerfile": "Dockerfile", "Dockerfile.dev": "Dockerfile",
		"go.mod": "Go Module", "LICENSE": "Text", ".gitignore": "", "noext": "", "UPPER.PY": "Python", "c.h": "C",
	} {
		if got, _ := languageOf(path); got != want {
			t.Errorf("%s is %q", path, got)
		}
	}
	if _, counts := languageOf("README.md"); counts {
		t.Error("Markdown says nothing of what a repository is written in")
	}
}

func TestAQueryIsNarrowedAsAWhole(t *testing.T) {
	for query, want := range map[string]string{
		"a b": "a b type:pr", "a or b": "(a or b) type:pr", "a OR b": "(a OR b) type:pr", "for x": "for x type:pr", "": "type:pr",
	} {
		if got := narrowed(query, "pr"); got != want {
			t.Errorf("%q became %q", query, got)
		}
	}
	if got := narrowed("a or b", ""); got != "a or b" {
		t.Error(got)
	}
}
