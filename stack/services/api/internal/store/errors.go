package store

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// What is taken, by the name of the constraint that says so.
var taken = map[string]string{
	"owner_name":                          "A user or an organisation has this name",
	"user_email":                          "Somebody has this e-mail address",
	"repository_owner_name":               "There already is a repository of this name",
	"team_name":                           "There already is a team of this name",
	"label_name":                          "There already is a label of this name",
	"access_token_user_id_name_key":       "There already is a token of this name",
	"release_repository_id_tag_key":       "There already is a release of this tag",
	"attachment_release_id_name_key":      "There already is an attachment of this name",
	"organization_member_user_id_fkey":    "There is no such user",
	"comment_issue_id_repository_id_fkey": "There is no such number",
}

// Translate makes a fault of whatever a statement came back with. Only what the server itself said about our values is
// the caller's; everything else means that the database can't be asked, which is never "not found" or "not allowed".
func Translate(err error) error {
	if err == nil {
		return nil
	}
	if _, already := fault.As(err); already {
		return err
	}
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) { // whatever the server said to us, it was not about our values
		return unavailable(err)
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		var scan pgx.ScanArgError
		if errors.As(err, &scan) {
			return fault.Internal(err)
		}
		if errors.Is(err, context.Canceled) {
			return &fault.Fault{Status: 499, Code: "CLIENT_CLOSED_REQUEST", Message: "The client left", Cause: err}
		}
		return unavailable(err)
	}
	switch refused.Code {
	case "23505":
		message := taken[refused.ConstraintName]
		if message == "" {
			message = "There already is one of this name"
		}
		return fault.Conflict(message).Because(err)
	case "23503":
		return fault.NotFound("What this refers to is not there any more").Because(err)
	case "23502", "23514":
		return fault.New(http.StatusUnprocessableEntity, "A value can't be stored").Because(err)
	case "25006", "3D000", "40001", "40P01", "42P01", "42501", "55P03", "58030":
		return unavailable(err)
	}
	switch refused.Code[:min(2, len(refused.Code))] {
	case "22":
		return fault.New(http.StatusUnprocessableEntity, "A value can't be stored").Because(err)
	case "08", "28", "53", "57", "58":
		return unavailable(err)
	}
	return fault.Internal(err)
}

func unavailable(err error) error { return fault.Unavailable("The database can't be reached", err) }

// collided: nothing was wrong but the moment.
func collided(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01")
}
