package api

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeText makes text of a file's bytes and says what they were encoded in; "binary" when it isn't text. When the
// bytes are only a file's beginning, a character may be cut at their end.
func decodeText(data []byte, cut bool) (text, encoding string) {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return fromUTF16(data[2:], false), "utf-16le"
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return fromUTF16(data[2:], true), "utf-16be"
	case bytes.IndexByte(data, 0) >= 0:
		return "", "binary"
	}
	whole := data
	if cut {
		whole = withoutPart(data)
	}
	if utf8.Valid(whole) {
		return string(bytes.TrimPrefix(whole, []byte{0xef, 0xbb, 0xbf})), "utf-8"
	}
	for _, c := range data {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			return "", "binary"
		}
	}
	decoded, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		return "", "binary"
	}
	return string(decoded), "windows-1252"
}

// withoutPart leaves out the beginning of a character at the end.
func withoutPart(data []byte) []byte {
	for i := 1; i <= min(3, len(data)); i++ {
		last := data[len(data)-i]
		if utf8.RuneStart(last) {
			if last >= utf8.RuneSelf && !utf8.FullRune(data[len(data)-i:]) {
				return data[:len(data)-i]
			}
			break
		}
	}
	return data
}

func fromUTF16(data []byte, big bool) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		if big {
			units[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
		} else {
			units[i] = uint16(data[2*i+1])<<8 | uint16(data[2*i])
		}
	}
	return string(utf16.Decode(units))
}
