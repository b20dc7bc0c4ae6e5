package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"google.golang.org/api/googleapi"

	"github.com/skyctl/skyctl/orchestrator/account"
)

// operation is what Compute Engine does after it has answered.
type operation struct {
	Name   string `json:"name"`
	Zone   string `json:"zone"`
	Region string `json:"region"`
	Status string `json:"status"`
	Error  struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	} `json:"error"`
}

// Delete deletes one thing and waits for the operation that does it.
func (a *Account) Delete(ctx context.Context, r account.Resource) error {
	if _, ok := ranks[r.Kind]; !ok {
		return fmt.Errorf("a %s is not for skyctl to delete", r.Kind)
	}
	var err error
	if r.Kind == serviceAccount {
		err = a.call(ctx, http.MethodDelete, iam, r.ID, nil, nil, &struct{}{})
	} else {
		var op operation
		if err = a.call(ctx, http.MethodDelete, compute, "projects/"+a.project+"/"+r.ID, nil, nil, &op); err == nil {
			err = a.wait(ctx, op)
		}
	}
	switch {
	case err == nil, gone(err):
		return nil
	case held(err):
		return &account.BusyError{Err: brief(err)}
	}
	return brief(err)
}

// wait returns when the operation is over. The service itself answers only
// after a while, so nothing has to be slept.
func (a *Account) wait(ctx context.Context, op operation) error {
	at := "projects/" + a.project + "/global"
	switch {
	case op.Zone != "":
		at = "projects/" + a.project + "/zones/" + path.Base(op.Zone)
	case op.Region != "":
		at = "projects/" + a.project + "/regions/" + path.Base(op.Region)
	}
	for op.Status != "DONE" {
		name := op.Name
		op = operation{}
		if err := a.call(ctx, http.MethodPost, compute, at+"/operations/"+name+"/wait", nil, nil, &op); err != nil {
			return err
		}
	}
	if len(op.Error.Errors) == 0 {
		return nil
	}
	first := op.Error.Errors[0]
	return &operationError{code: first.Code, text: fmt.Sprintf("%s: %s", first.Code, first.Message)}
}

// operationError is how an operation ended that had been accepted.
type operationError struct{ code, text string }

func (e *operationError) Error() string { return e.text }

// held tells whether something else still uses the thing. A request is refused
// in words of one case, an operation fails in those of another.
func held(err error) bool {
	if e, ok := errors.AsType[*operationError](err); ok {
		return strings.HasPrefix(e.code, "RESOURCE_IN_USE") || e.code == "RESOURCE_NOT_READY"
	}
	e, ok := errors.AsType[*googleapi.Error](err)
	if !ok || e.Code != http.StatusBadRequest && e.Code != http.StatusConflict {
		return false
	}
	for _, item := range e.Errors {
		if strings.HasPrefix(item.Reason, "resourceInUse") || item.Reason == "resourceNotReady" {
			return true
		}
	}
	return false
}
