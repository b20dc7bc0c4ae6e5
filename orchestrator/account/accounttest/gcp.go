package accounttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// GCP serves Compute Engine, IAM and the Resource Manager. The id of a thing is
// its path below the project.
func (w *World) GCP() http.Handler {
	return w.locked(func(rw http.ResponseWriter, r *http.Request) {
		project := "projects/" + w.Account
		_, at, ok := strings.Cut(r.URL.Path, project)
		action := r.Method + " " + at
		denied := w.refuses("", action)
		switch {
		case w.throttles():
			gcpError(rw, http.StatusServiceUnavailable, "backendError")
		case !ok:
			gcpError(rw, http.StatusNotFound, "notFound")
		case denied:
			gcpError(rw, http.StatusForbidden, "forbidden")
		case at == ":testIamPermissions":
			w.testPermissions(rw, r)
		case strings.HasPrefix(r.URL.Path, "/compute/") && (at == "" || path.Base(path.Dir(at)) == "regions"):
			_, where, _ := strings.Cut(at, "/regions/")
			w.quotasGCP(rw, where)
		case at == "":
			send(rw, map[string]any{"projectId": w.Account, "lifecycleState": "ACTIVE"})
		case at == "/aggregated/machineTypes":
			w.machineTypes(rw, r)
		case r.Method == http.MethodPost && path.Base(at) == "wait":
			w.finish(rw, path.Base(path.Dir(at)))
		case r.Method == http.MethodDelete:
			w.deleteGCP(rw, strings.TrimPrefix(at, "/"), strings.HasPrefix(at, "/serviceAccounts/"))
		default:
			w.listGCP(rw, r, at)
		}
	})
}

func gcpError(rw http.ResponseWriter, status int, reason string) {
	rw.WriteHeader(status)
	send(rw, map[string]any{"error": map[string]any{"code": status, "message": "The request was refused.",
		"errors": []map[string]any{{"reason": reason, "message": "The request was refused."}}}})
}

// send cannot fail but by the client's going away, which that notices itself.
func send(rw http.ResponseWriter, v any) { _ = json.NewEncoder(rw).Encode(v) }

func (w *World) testPermissions(rw http.ResponseWriter, r *http.Request) {
	var asked struct{ Permissions []string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		gcpError(rw, http.StatusBadRequest, "invalid")
		return
	}
	send(rw, map[string]any{"permissions": slices.DeleteFunc(asked.Permissions, func(p string) bool { return !slices.Contains(w.Granted, p) })})
}

func (w *World) listGCP(rw http.ResponseWriter, r *http.Request, at string) {
	kind := path.Base(at)
	if kind != "serviceAccounts" && r.URL.Query().Get("filter") != "name eq skyctl-.*" {
		gcpError(rw, http.StatusBadRequest, "invalidFilter")
		return
	}
	var found []*Thing
	for _, t := range w.Things {
		if t.Kind == kind && (kind == "serviceAccounts" || strings.HasPrefix(t.Name, "skyctl-")) && !slices.Contains(w.Silent, t.Region) {
			found = append(found, t)
		}
	}
	page, next := paged(found, r.URL.Query().Get("pageToken"))
	scopes, all := map[string]any{}, []map[string]any{}
	for _, t := range page {
		i := map[string]any{"name": t.Name, "creationTimestamp": t.Created.Format(time.RFC3339), "labels": t.Tags, "status": t.State,
			"machineType": "https://x/zones/z/machineTypes/" + t.Machine, "users": t.Users}
		switch {
		case kind == "serviceAccounts":
			i = map[string]any{"name": "projects/" + w.Account + "/" + t.ID, "email": t.Name + "@p.iam.gserviceaccount.com"}
		case strings.HasPrefix(t.ID, "zones/"):
			i["zone"] = "https://x/zones/" + t.Region
		case strings.HasPrefix(t.ID, "regions/"):
			i["region"] = "https://x/regions/" + t.Region
		}
		all = append(all, i)
		scopes["zones/"+t.Region+t.ID] = map[string]any{kind: []map[string]any{i}}
	}
	switch {
	case strings.Contains(at, "/aggregated/"):
		scopes["zones/empty"] = map[string]any{"warning": map[string]any{"code": "NO_RESULTS_ON_PAGE"}}
		send(rw, map[string]any{"items": scopes, "nextPageToken": next, "unreachables": w.Silent})
	case kind == "serviceAccounts":
		send(rw, map[string]any{"accounts": all, "nextPageToken": next})
	default:
		send(rw, map[string]any{"items": all, "nextPageToken": next})
	}
}

// deleteGCP begins an operation, whose name is the id with other separators. A
// service account goes at once.
func (w *World) deleteGCP(rw http.ResponseWriter, id string, atOnce bool) {
	t := w.find(id)
	switch {
	case t == nil:
		gcpError(rw, http.StatusNotFound, "notFound")
		return
	case atOnce:
		w.remove(id)
		send(rw, map[string]any{})
		return
	case w.holder(t) != "" && t.Kind != "networks":
		gcpError(rw, http.StatusBadRequest, "resourceInUseByAnotherResource")
		return
	}
	w.ending[id] = 1
	send(rw, w.operation(t, "RUNNING"))
}

func (w *World) operation(t *Thing, status string) map[string]any {
	op := map[string]any{"name": strings.ReplaceAll(t.ID, "/", "~"), "status": status}
	switch {
	case strings.HasPrefix(t.ID, "zones/"):
		op["zone"] = "https://x/zones/" + t.Region
	case strings.HasPrefix(t.ID, "regions/"):
		op["region"] = "https://x/regions/" + t.Region
	}
	return op
}

// finish ends an operation when it is waited for the second time. A network that
// is held is noticed only then.
func (w *World) finish(rw http.ResponseWriter, name string) {
	t := w.find(strings.ReplaceAll(name, "~", "/"))
	if t == nil {
		gcpError(rw, http.StatusNotFound, "notFound")
		return
	}
	if w.ending[t.ID] > 0 {
		w.ending[t.ID]--
		send(rw, w.operation(t, "RUNNING"))
		return
	}
	op := w.operation(t, "DONE")
	if by := w.holder(t); by != "" {
		op["error"] = map[string]any{"errors": []map[string]any{{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": fmt.Sprintf("used by %s", by)}}}
	} else {
		w.remove(t.ID)
	}
	send(rw, op)
}
