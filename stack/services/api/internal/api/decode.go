package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// decode reads a JSON object into a struct: of the right type, limited in length and in the time it takes, with no
// field that the struct doesn't have, and with text that the database can store.
func (c *call) decode(into any) error {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || !plain(c.r.Header.Get("Content-Encoding")) {
		return fault.New(http.StatusUnsupportedMediaType, "The content type must be application/json")
	}
	if c.r.ContentLength > c.Config.MaxJSONBytes {
		c.w.Header().Set("Connection", "close")
		return fault.New(http.StatusRequestEntityTooLarge, "The body is too long")
	}
	if body, ok := c.r.Body.(*paced); ok {
		body.until = time.Now().Add(c.Config.Body)
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, c.Config.MaxJSONBytes))
	if err != nil {
		return unread(err)
	}
	if !utf8.Valid(text) {
		return fault.Invalid("body", "must be valid UTF-8")
	}
	return parse(text, into)
}

func plain(encoding string) bool { return encoding == "" || strings.EqualFold(encoding, "identity") }

// unread is the fault of a body that didn't arrive.
func unread(err error) error {
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return fault.New(http.StatusRequestEntityTooLarge, "The body is too long")
	case timedOut(err):
		return fault.New(http.StatusRequestTimeout, "The request came too slowly").Because(err)
	}
	return fault.BadRequest("The body is cut off").Because(err)
}

func parse(text []byte, into any) error {
	var members map[string]json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&members); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fault.BadRequest("The body must be a JSON object")
		}
		return fault.BadRequest("The body is not JSON").Because(errors.New("malformed JSON"))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fault.BadRequest("The body must be one JSON object")
	}
	if members == nil {
		return fault.BadRequest("The body must be a JSON object")
	}
	fields := map[string]reflect.Value{}
	target := reflect.ValueOf(into).Elem()
	for i := range target.NumField() {
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = target.Field(i)
	}
	var unknown []string
	for name := range members {
		if _, ok := fields[name]; !ok {
			unknown = append(unknown, strings.ToValidUTF8(name[:min(len(name), 100)], "?"))
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		unknown = unknown[:min(len(unknown), 20)]
		return fault.BadRequest("Unknown field: "+strings.Join(unknown, ", ")).With("unknown", unknown)
	}
	var wrong *fault.Fault
	for name, raw := range members {
		message := set(fields[name], raw)
		if message == "" {
			continue
		}
		if wrong == nil {
			wrong = fault.Invalid(name, message)
		}
		wrong.With(name, message)
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

// set puts one member into its field; what is wrong with it, if anything is.
func set(field reflect.Value, raw json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(field.Addr().Interface()); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			where := ""
			if kind.Field != "" {
				where = kind.Field + " "
			}
			return where + "must be " + described(kind.Type)
		}
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return "has an unknown field " + name
		}
		return "can't be understood"
	}
	return unstorable(field)
}

func described(kind reflect.Type) string {
	switch kind.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	}
	return "of another type"
}

// unstorable looks for text that the database can't keep.
func unstorable(value reflect.Value) string {
	switch value.Kind() {
	case reflect.String:
		if strings.ContainsRune(value.String(), 0) {
			return "must not hold a NUL character"
		}
	case reflect.Pointer:
		if !value.IsNil() {
			return unstorable(value.Elem())
		}
	case reflect.Slice:
		for i := range value.Len() {
			if message := unstorable(value.Index(i)); message != "" {
				return message
			}
		}
	case reflect.Struct:
		if _, ok := value.Interface().(time.Time); ok {
			return ""
		}
		for i := range value.NumField() {
			if message := unstorable(value.Field(i)); message != "" {
				return message
			}
		}
	}
	return ""
}

// check collects what is wrong with values.
type check struct{ wrong *fault.Fault }

func (k *check) that(holds bool, field, message string) {
	if holds {
		return
	}
	if k.wrong == nil {
		k.wrong = fault.Invalid(field, message)
	} else {
		k.wrong.With(field, message)
	}
}

// line is text of one line, with at most so many characters.
func (k *check) line(value *string, field string, least, most int) {
	if value == nil {
		return
	}
	length := utf8.RuneCountInString(*value)
	k.that(length >= least && length <= most, field, fmt.Sprintf("must have %d to %d characters", least, most))
	k.that(!strings.ContainsFunc(*value, control), field, "must be one line without control characters")
	if least > 0 {
		k.that(strings.TrimSpace(*value) != "", field, "must not be blank")
	}
}

// text is any text of so many bytes.
func (k *check) text(value *string, field string, least, most int) {
	if value != nil {
		k.that(len(*value) >= least && len(*value) <= most, field, fmt.Sprintf("must have %d to %d bytes", least, most))
		if least > 0 {
			k.that(strings.TrimSpace(*value) != "", field, "must not be blank")
		}
	}
}

func (k *check) err() error {
	if k.wrong == nil {
		return nil
	}
	return k.wrong
}

func control(c rune) bool { return c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0) }

const mostBody = 256 << 10 // bytes of an issue, a comment, a release's notes
