package accounttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// quota is one by its name in a region, or everywhere.
func (w *World) quota(at, name string) (Quota, bool) {
	if at != "" {
		name = at + " " + name
	}
	q, ok := w.Quotas[name]
	return q, ok
}

// serviceQuotas answers as Service Quotas of AWS does, in JSON. It says nothing
// of how much of a quota is used.
func (w *World) serviceQuotas(rw http.ResponseWriter, r *http.Request, action, at string) {
	var asked struct{ ServiceCode, QuotaCode string }
	err := json.NewDecoder(r.Body).Decode(&asked)
	refuse := func(status int, code string) {
		rw.WriteHeader(status)
		send(rw, map[string]string{"__type": code, "message": "The request was refused."})
	}
	rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if w.refuses(at, action) {
		refuse(http.StatusForbidden, "AccessDeniedException")
		return
	}
	if action == "GetAWSDefaultServiceQuota" {
		at = ""
	}
	q, ok := w.quota(at, asked.QuotaCode)
	if err != nil || !ok {
		refuse(http.StatusBadRequest, "NoSuchResourceException")
		return
	}
	send(rw, map[string]any{"Quota": map[string]any{"QuotaCode": asked.QuotaCode, "ServiceCode": asked.ServiceCode, "Value": q.Limit}})
}

// describeRoom lists what EC2 has in a region beside what carries tags.
func (w *World) describeRoom(r *http.Request, action, at string) (set string, items []string) {
	switch action {
	case "DescribeVpcs":
		return "vpcSet", w.named(at, "vpc", "vpcId")
	case "DescribeAvailabilityZones":
		for _, zone := range slices.Sorted(maps.Keys(w.Offers)) {
			if strings.HasPrefix(zone, at) && !strings.Contains(zone, "-wl") && !strings.Contains(zone, "-lax-") { // those want opting in
				items = append(items, "<zoneName>"+zone+"</zoneName>")
			}
		}
		if len(items) > 0 {
			items = []string{strings.Join(items, "</item><item>")} // this list has no pages
		}
		return "availabilityZoneInfo", items
	}
	for _, zone := range slices.Sorted(maps.Keys(w.Offers)) {
		for _, machine := range w.Offers[zone] {
			if strings.HasPrefix(zone, at) && has(r, machine) {
				items = append(items, fmt.Sprintf("<instanceType>%s</instanceType><location>%s</location><locationType>availability-zone</locationType>", machine, zone))
			}
		}
	}
	return "instanceTypeOfferingSet", items
}

// named lists the things of a kind in a region of AWS.
func (w *World) named(at, kind, element string) (items []string) {
	for _, t := range w.in(at) {
		if t.Kind == kind {
			items = append(items, fmt.Sprintf("<%s>%s</%s>", element, t.ID, element))
		}
	}
	return items
}

// quotasGCP answers with a region, or with the project.
func (w *World) quotasGCP(rw http.ResponseWriter, at string) {
	if slices.Contains(w.Silent, at) {
		gcpError(rw, http.StatusForbidden, "forbidden")
		return
	}
	var all []map[string]any
	for _, key := range slices.Sorted(maps.Keys(w.Quotas)) {
		where, name, ok := strings.Cut(key, " ")
		if !ok {
			where, name = "", key
		}
		if where == at {
			all = append(all, map[string]any{"metric": name, "limit": w.Quotas[key].Limit, "usage": w.Quotas[key].Used})
		}
	}
	send(rw, map[string]any{"name": at, "quotas": all})
}

// machineTypes lists what the zones offer, whole pages of one zone each.
func (w *World) machineTypes(rw http.ResponseWriter, r *http.Request) {
	filter := r.URL.Query().Get("filter")
	page, next := paged(slices.Sorted(maps.Keys(w.Offers)), r.URL.Query().Get("pageToken"))
	scopes := map[string]any{}
	for _, zone := range page {
		var types []map[string]any
		for _, name := range w.Offers[zone] {
			if strings.Contains(filter, "(name = "+name+")") {
				types = append(types, map[string]any{"name": name, "zone": zone})
			}
		}
		scopes["zones/"+zone] = map[string]any{"machineTypes": types}
	}
	send(rw, map[string]any{"items": scopes, "nextPageToken": next})
}

// roomAzure lists usages of a location, or the sizes of machines there.
func (w *World) roomAzure(rw http.ResponseWriter, r *http.Request, at, self string) {
	var found []map[string]any
	if strings.HasSuffix(at, "/skus") {
		location := strings.Trim(strings.TrimPrefix(r.URL.Query().Get("$filter"), "location eq "), "'")
		for _, size := range w.Offers[location] {
			size, closed := strings.CutSuffix(size, " (restricted)")
			sku := map[string]any{"name": size, "resourceType": "virtualMachines", "family": "standardDSv5Family", "restrictions": []any{}}
			if closed {
				sku["restrictions"] = []map[string]any{{"type": "Location", "reasonCode": "NotAvailableForSubscription"}}
			}
			found = append(found, sku, map[string]any{"name": size, "resourceType": "disks", "family": "x"})
		}
		sendPage(rw, r, found, self)
		return
	}
	parts := strings.Split(at, "/") // "", providers, PROVIDER, locations, LOCATION, usages
	for _, key := range slices.Sorted(maps.Keys(w.Quotas)) {
		where, name, _ := strings.Cut(key, " ")
		provider, name, _ := strings.Cut(name, "/")
		if where == parts[4] && provider == parts[2] {
			found = append(found, map[string]any{"currentValue": w.Quotas[key].Used, "limit": w.Quotas[key].Limit, "name": map[string]any{"value": name}})
		}
	}
	sendPage(rw, r, found, self)
}
