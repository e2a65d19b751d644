// Package access holds the levels of permission, weakest first.
package access

// Level is what somebody may do with a repository.
type Level int

// The levels of the schema.
const (
	None Level = iota
	Read
	Write
	Admin
	Owner
)

var words = [...]string{"none", "read", "write", "admin", "owner"}

func (l Level) String() string {
	if l < None || l > Owner {
		return words[None]
	}
	return words[l]
}

// MarshalText writes it as the contract does.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads it; what is no level is none.
func (l *Level) UnmarshalText(text []byte) error {
	*l, _ = Parse(string(text))
	return nil
}

// Parse reads a level.
func Parse(word string) (Level, bool) {
	for level, known := range words {
		if known == word {
			return Level(level), true
		}
	}
	return None, false
}
