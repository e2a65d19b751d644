package api_test

import "testing"

func TestAPersonRegistersSignsInPushesAndReadsTheFile(t *testing.T) {
	s := common(t)
	name := unique("ada")
	s.must(nobody, "POST", "/api/v1/auth/register", map[string]any{
		"username": name, "email": name + "@example.org", "password": password})
	got := s.must(nobody, "POST", "/api/v1/auth/login", map[string]any{"username": name, "password": password})
	ada := &person{name: name, token: got.object()["token"].(string)}
	repo := s.repo(ada, true)
	commit := s.push(ada, repo, "main", map[string]string{"src/main.rs": "fn main() {}\n", "README.md": "# hi\n"})
	file := s.must(ada, "GET", "/api/v1/repos/"+repo+"/file?path=src/main.rs", nil).object()
	if file["content"] != "fn main() {}\n" || file["commit"] != commit || file["language"] != "Rust" || file["ref"] != "main" {
		t.Error(file)
	}
	shown := s.must(ada, "GET", "/api/v1/repos/"+repo, nil).object()
	if shown["language"] != "Rust" || shown["empty"] != false || shown["permission"] != "owner" {
		t.Error(shown)
	}
	s.want(404, nobody, "GET", "/api/v1/repos/"+repo, nil)
}
