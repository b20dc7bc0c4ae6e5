package accounttest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Azure serves Azure Resource Manager at the base URL, which its links need. The
// id of a thing begins with /subscriptions/ and the account.
func (w *World) Azure(base func() string) http.Handler {
	return w.locked(func(rw http.ResponseWriter, r *http.Request) {
		scope := "/subscriptions/" + w.Account
		at, ok := strings.CutPrefix(r.URL.Path, scope)
		denied := w.refuses("", r.Method+" "+at)
		switch {
		case w.throttles():
			rw.Header().Set("Retry-After", "0")
			armError(rw, http.StatusTooManyRequests, "TooManyRequests")
		case !ok:
			armError(rw, http.StatusNotFound, "SubscriptionNotFound")
		case r.URL.Query().Get("api-version") == "" && !strings.HasPrefix(at, "/operations/"):
			armError(rw, http.StatusBadRequest, "MissingApiVersionParameter")
		case denied:
			armError(rw, http.StatusForbidden, "AuthorizationFailed")
		case at == "":
			send(rw, map[string]any{"subscriptionId": w.Account, "tenantId": "tenant", "state": "Enabled"})
		case strings.HasSuffix(at, "/usages"), strings.HasSuffix(at, "/skus"):
			w.roomAzure(rw, r, at, base()+r.URL.Path)
		case strings.HasPrefix(at, "/operations/"):
			w.pollAzure(rw, strings.TrimPrefix(at, "/operations"))
		case r.Method == http.MethodDelete:
			w.deleteAzure(rw, r.URL.Path, base()+scope+"/operations"+r.URL.Path)
		default:
			w.listAzure(rw, r, at, base()+r.URL.Path)
		}
	})
}

func armError(rw http.ResponseWriter, status int, code string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	send(rw, map[string]any{"error": map[string]any{"code": code, "message": "The request was refused."}})
}

const (
	groups   = "Microsoft.Resources/resourceGroups"
	machines = "Microsoft.Compute/virtualMachines"
	roles    = "Microsoft.Authorization/roleDefinitions"
)

func (w *World) listAzure(rw http.ResponseWriter, r *http.Request, at, self string) {
	var found []map[string]any
	for _, t := range w.Things {
		item := map[string]any{"id": t.ID, "name": t.Name, "type": t.Kind, "location": t.Region, "tags": t.Tags}
		switch {
		case at == "/resourcegroups" && t.Kind == groups && t.Tags["skyctl-run"] != "" && r.URL.Query().Get("$filter") == "tagName eq 'skyctl-run'",
			at == "/resources" && t.Kind != groups && t.Kind != roles:
		case at == "/providers/"+machines && strings.EqualFold(t.Kind, machines):
			item["properties"] = map[string]any{"timeCreated": t.Created.Format(time.RFC3339), "hardwareProfile": map[string]any{"vmSize": t.Machine}}
		case at == "/providers/"+roles && t.Kind == roles:
			item["name"] = "0000-guid"
			item["properties"] = map[string]any{"roleName": t.Name, "type": t.State}
		default:
			continue
		}
		found = append(found, item)
	}
	if at == "/providers/Microsoft.Authorization/permissions" {
		found = []map[string]any{{"actions": []string{"*/read"}, "notActions": []string{}}, {"actions": w.Granted, "notActions": w.Denied}}
	}
	sendPage(rw, r, found, self)
}

// sendPage sends the page of a list that a request is for.
func sendPage(rw http.ResponseWriter, r *http.Request, found []map[string]any, self string) {
	page, next := paged(found, r.URL.Query().Get("token"))
	if page == nil {
		page = []map[string]any{}
	}
	out := map[string]any{"value": page}
	if next != "" {
		query := r.URL.Query()
		query.Set("token", next)
		out["nextLink"] = self + "?" + query.Encode()
	}
	send(rw, out)
}

// deleteAzure begins a deletion, which ends while it is asked about.
func (w *World) deleteAzure(rw http.ResponseWriter, id, operation string) {
	t := w.find(id)
	switch {
	case t == nil:
		armError(rw, http.StatusNotFound, "ResourceNotFound")
		return
	case w.holder(t) != "":
		armError(rw, http.StatusConflict, "InUseSubnetCannotBeDeleted")
		return
	}
	w.ending[id] = 1
	rw.Header().Set("Location", operation)
	rw.Header().Set("Retry-After", "0")
	rw.WriteHeader(http.StatusAccepted)
}

func (w *World) pollAzure(rw http.ResponseWriter, id string) {
	if w.ending[id] > 0 {
		w.ending[id]--
		rw.WriteHeader(http.StatusAccepted)
		return
	}
	// A group goes with what is in it.
	w.Things = slices.DeleteFunc(w.Things, func(t *Thing) bool { return strings.HasPrefix(t.ID, id+"/") })
	w.remove(id)
	rw.WriteHeader(http.StatusNoContent)
}
