package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

const (
	mostSteps   = 50
	mostRun     = 64 << 10
	mostSeconds = 86400
)

type step struct {
	Name           string `json:"name"`
	Run            string `json:"run"`
	TimeoutSeconds *int   `json:"timeout_seconds,omitempty"`
}

// payload is what the runner is told.
type payload struct {
	Ref         string `json:"ref"`
	Commit      string `json:"commit"`
	Steps       []step `json:"steps"`
	LogKey      string `json:"log_key"`
	Traceparent string `json:"traceparent,omitempty"`
}

type jobView struct {
	store.Job
	Ref    string `json:"ref"`
	Commit string `json:"commit"`
	Asked  []step `json:"asked"` // the steps as they were asked for; `steps` is what became of them
}

func viewJob(j *store.Job) jobView {
	view := jobView{Job: *j, Asked: []step{}}
	var told payload
	if json.Unmarshal(j.Payload, &told) == nil {
		view.Ref, view.Commit = told.Ref, told.Commit
		if told.Steps != nil {
			view.Asked = told.Steps
		}
	}
	view.CreatedAt = view.CreatedAt.UTC()
	view.StartedAt, view.FinishedAt = utc(view.StartedAt), utc(view.FinishedAt)
	return view
}

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	moved := at.UTC()
	return &moved
}

func (c *call) listJobs() error {
	of, err := c.page()
	if err != nil {
		return err
	}
	state, err := c.choice("state", "all", "queued", "running", "succeeded", "failed", "cancelled")
	if err != nil {
		return err
	}
	if state == "all" {
		state = ""
	}
	found, total, err := c.Store.Jobs(c.r.Context(), c.repo.ID, state, of)
	if err != nil {
		return err
	}
	views := make([]jobView, len(found))
	for i := range found {
		views[i] = viewJob(&found[i])
	}
	return page(c, views, total, of)
}

func (c *call) createJob() error {
	var asked struct {
		Kind  string `json:"kind"`
		Ref   string `json:"ref"`
		Steps []step `json:"steps"`
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	var k check
	k.that(asked.Kind == "steps", "kind", "must be steps")
	k.that(len(asked.Steps) >= 1 && len(asked.Steps) <= mostSteps, "steps", fmt.Sprintf("must be 1 to %d", mostSteps))
	for i := range asked.Steps {
		one := &asked.Steps[i]
		field := fmt.Sprintf("steps[%d]", i)
		if one.Name == "" {
			one.Name = "step " + strconv.Itoa(i+1)
		}
		k.line(&one.Name, field+".name", 1, 100)
		k.text(&one.Run, field+".run", 1, mostRun)
		if one.TimeoutSeconds != nil {
			k.that(*one.TimeoutSeconds >= 1 && *one.TimeoutSeconds <= mostSeconds, field+".timeout_seconds",
				fmt.Sprintf("must be 1 to %d", mostSeconds))
		}
	}
	if err := k.err(); err != nil {
		return err
	}
	ref, shown := "HEAD", c.repo.DefaultBranch
	if asked.Ref != "" && asked.Ref != "HEAD" {
		ref, shown = asked.Ref, asked.Ref
		if checkRef(ref) != nil {
			return fault.Invalid("ref", "is no branch, tag or commit of this repository")
		}
	}
	ctx := c.r.Context()
	commit, err := c.Git.Commit(ctx, c.gitRepo(), ref)
	if upstream.Missing(err) {
		return fault.Invalid("ref", "is no branch, tag or commit of this repository")
	}
	if err != nil {
		return err
	}
	trace := propagation.MapCarrier{}
	telemetry.Propagator.Inject(ctx, trace)
	id, err := c.Store.AddJob(ctx, c.repo.ID, asked.Kind, func(id int64) any {
		return payload{
			Ref: shown, Commit: commit.ID, Steps: asked.Steps, LogKey: fmt.Sprintf("jobs/%d/log", id),
			Traceparent: trace["traceparent"],
		}
	})
	if err != nil {
		return err
	}
	made, err := c.jobAt(id)
	if err != nil {
		return err
	}
	return c.created(viewJob(made))
}

func (c *call) jobAt(id int64) (*store.Job, error) {
	found, err := c.Store.FindJob(c.r.Context(), c.repo.ID, id)
	if err == nil && found == nil {
		err = fault.NotFound("There is no such job")
	}
	return found, err
}

func (c *call) job() (*store.Job, error) {
	id, err := c.id("id")
	if err != nil {
		return nil, err
	}
	return c.jobAt(id)
}

func (c *call) getJob() error {
	found, err := c.job()
	if err != nil {
		return err
	}
	return c.ok(viewJob(found))
}

func (c *call) cancelJob() error {
	found, err := c.job()
	if err != nil {
		return err
	}
	cancelled, err := c.Store.CancelJob(c.r.Context(), c.repo.ID, found.ID)
	if err != nil {
		return err
	}
	if !cancelled && found.State != "cancelled" {
		return fault.Conflict("The job has ended")
	}
	return c.getJob()
}

// jobLog streams the newest attempt's log, as far as it goes now.
func (c *call) jobLog() error {
	found, err := c.job()
	if err != nil {
		return err
	}
	log, err := c.Store.FindJobLog(c.r.Context(), found.ID)
	if err != nil {
		return err
	}
	header := c.w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("X-Log-Complete", strconv.FormatBool(log != nil && log.Complete))
	if log == nil || log.Parts == 0 || c.r.Method == http.MethodHead {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	storage, err := c.storage()
	if err != nil {
		return err
	}
	pace(c, c.Config.GitIdle, nil)
	for part := range int(log.Parts) {
		key := fmt.Sprintf("jobs/%d/%d/%06d.log", found.ID, log.Attempt, part+1)
		content, _, err := storage.Get(c.r.Context(), key)
		if err != nil {
			return err // before the first part an answer of its own; later the body is cut, which says as much
		}
		_, err = io.Copy(c.w, content)
		_ = content.Close()
		if err != nil {
			return sent(err)
		}
	}
	return nil
}
