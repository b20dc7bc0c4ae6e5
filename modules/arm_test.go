//go:build azurerm

package modules_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Who the provider is to the fake, and where its resources are.
const (
	armSubscription = "00000000-0000-0000-0000-000000000001"
	armTenant       = "00000000-0000-0000-0000-000000000002"
	armPrincipal    = "00000000-0000-0000-0000-000000000003"
)

// armRoles are the built-in roles that the module assigns, by name.
var armRoles = map[string]string{
	"Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
	"Storage Blob Data Reader":      "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
}

// arm plays Azure Resource Manager for its real provider: it keeps what is put
// under a path, as it was put, with what Azure would add to it, and gives it
// back. What Azure would refuse it takes, but for what belongs to nothing that
// exists; what the provider refuses never comes here.
type arm struct {
	mu     sync.Mutex
	things map[string]map[string]any // by their paths in lower case
	odd    []string                  // requests that it has no answer to
	took   map[string]bool           // permissions that the requests take
	made   int
}

// startARM returns a fake and the environment in which a provider takes it for
// Azure. The certificate of httptest is its own authority.
func startARM(t *testing.T, certificate string) (*arm, []string) {
	t.Helper()
	a := &arm{things: map[string]map[string]any{}, took: map[string]bool{}}
	for name, id := range armRoles {
		a.keep(roleDefinition(id), map[string]any{"properties": map[string]any{"roleName": name, "type": "BuiltInRole"}})
	}
	server := httptest.NewTLSServer(a)
	t.Cleanup(server.Close)
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a, []string{"SSL_CERT_FILE=" + certificate, "ARM_METADATA_HOSTNAME=" + strings.TrimPrefix(server.URL, "https://"),
		"ARM_SUBSCRIPTION_ID=" + armSubscription, "ARM_TENANT_ID=" + armTenant, "ARM_CLIENT_ID=" + armPrincipal, "ARM_CLIENT_SECRET=secret",
		"ARM_USE_CLI=false", "ARM_RESOURCE_PROVIDER_REGISTRATIONS=none"}
}

func roleDefinition(id string) string {
	return "/subscriptions/" + armSubscription + "/providers/Microsoft.Authorization/roleDefinitions/" + id
}

// left are the paths of what exists and is not Azure's own.
func (a *arm) left() (paths []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(a.things)) {
		if own := a.things[path]["properties"].(map[string]any)["type"] == "BuiltInRole"; !own {
			paths = append(paths, path)
		}
	}
	return paths
}

// unanswered are the requests that the fake had no answer to.
func (a *arm) unanswered() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.odd)
}

func (a *arm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("X-Go-Azure-Sdk-Skip-Polling-Delay", "true")
	switch path := r.URL.Path; {
	case path == "/metadata/endpoints":
		answer(w, http.StatusOK, environment("https://"+r.Host))
	case strings.HasSuffix(path, "/oauth2/v2.0/token"):
		answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": token()})
	case strings.HasPrefix(path, "/subscriptions/"):
		a.took[permission(r.Method, path)] = true
		a.resource(w, r, canonical(path))
	default:
		a.refuse(w, r)
	}
}

// permission is what Azure wants of whoever makes a request: the kinds of things
// in its path, and what is done to the last one.
func permission(method, path string) string {
	of, kinds := "Microsoft.Resources", strings.Split(strings.Trim(path, "/"), "/")
	if _, after, within := cutLast(path, "/providers/"); within {
		parts := strings.Split(after, "/")
		of, kinds = parts[0], parts[1:]
	}
	action := map[string]string{http.MethodGet: "read", http.MethodPut: "write", http.MethodPatch: "write", http.MethodDelete: "delete", http.MethodPost: "action"}[method]
	name := of
	for i := 0; i < len(kinds); i += 2 {
		name += "/" + kinds[i]
	}
	return name + "/" + action
}

// permissions are those that were made use of.
func (a *arm) permissions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.took))
}

// environment is what Azure says of itself where all of it is at one address.
func environment(at string) map[string]any {
	return map[string]any{"name": "AzureCloud", "resourceManager": at, "microsoftGraphResourceId": at, "portal": at,
		"authentication": map[string]any{"loginEndpoint": at, "audiences": []string{at}, "tenant": "common", "identityProvider": "AAD"},
		"suffixes":       map[string]any{"storage": "core.windows.net", "keyVaultDns": "vault.azure.net"}}
}

// token tells who it is for, and is signed by nobody.
func token() string {
	part := func(v any) string {
		content, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(content)
	}
	return part(map[string]string{"alg": "none", "typ": "JWT"}) + "." + part(map[string]string{"oid": armPrincipal, "appid": armPrincipal, "tid": armTenant}) + ".x"
}

// canonical is the path of a thing that has several: a definition of a role
// belongs to the subscription, whatever its scope.
func canonical(path string) string {
	const definitions = "/providers/microsoft.authorization/roledefinitions/"
	if i := strings.LastIndex(strings.ToLower(path), definitions); i >= 0 {
		return roleDefinition(path[i+len(definitions):])
	}
	return strings.TrimRight(path, "/")
}

func (a *arm) resource(w http.ResponseWriter, r *http.Request, path string) {
	thing, exists := a.things[strings.ToLower(path)]
	switch r.Method {
	case http.MethodPut:
		a.put(w, r, path, exists)
	case http.MethodDelete:
		if !exists {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		maps.DeleteFunc(a.things, func(p string, _ map[string]any) bool {
			return p == strings.ToLower(path) || strings.HasPrefix(p, strings.ToLower(path)+"/")
		})
		w.WriteHeader(http.StatusOK)
	case http.MethodGet:
		switch special := a.special(path); {
		case special != nil:
			answer(w, http.StatusOK, special)
		case exists:
			answer(w, http.StatusOK, thing)
		case isList(path):
			answer(w, http.StatusOK, map[string]any{"value": a.list(path, r.URL.Query().Get("$filter"))})
		default:
			fail(w, http.StatusNotFound, "ResourceNotFound", path+" was not found.")
		}
	default:
		a.refuse(w, r)
	}
}

// special is what exists without having been put.
func (a *arm) special(path string) any {
	before, version, ok := strings.Cut(strings.ToLower(path), "/artifacttypes/vmimage/offers/")
	switch {
	case ok && strings.HasSuffix(version, "/versions"):
		name := "24.04.202611010"
		return []map[string]any{{"name": name, "location": "westus2", "id": before + "/artifactTypes/vmImage/offers/" + version + "/" + name}}
	case strings.EqualFold(path, "/subscriptions/"+armSubscription):
		return map[string]any{"id": path, "subscriptionId": armSubscription, "tenantId": armTenant, "displayName": "fake", "state": "Enabled",
			"subscriptionPolicies": map[string]any{"quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off", "locationPlacementId": "Public_2014-09-01"}}
	}
	return nil
}

// isList tells the path of things of a kind from that of one thing. Behind the
// last name of a provider of resources kinds and names alternate, as they do in
// front of all of them.
func isList(path string) bool {
	_, after, within := cutLast(path, "/providers/")
	if !within {
		return len(strings.Split(path, "/"))%2 == 0 // the first part is empty
	}
	return len(strings.Split(after, "/"))%2 == 0
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// list has the things of a kind, but for a filter by the name of a role.
func (a *arm) list(path, filter string) []any {
	found := []any{}
	for _, p := range slices.Sorted(maps.Keys(a.things)) {
		rest, within := strings.CutPrefix(p, strings.ToLower(path)+"/")
		if within && !strings.Contains(rest, "/") {
			found = append(found, a.things[p])
		}
	}
	if name, ok := strings.CutPrefix(filter, "roleName eq "); ok {
		if id, known := armRoles[strings.Trim(name, "'")]; known {
			return []any{a.things[strings.ToLower(roleDefinition(id))]}
		}
	}
	return found
}

func (a *arm) put(w http.ResponseWriter, r *http.Request, path string, exists bool) {
	thing := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&thing); err != nil {
		fail(w, http.StatusBadRequest, "InvalidRequestContent", err.Error())
		return
	}
	group, _, _ := cutLast(path, "/providers/")
	if group != path && strings.Count(group, "/") == strings.Count("/subscriptions/ID/resourceGroups/NAME", "/") && a.things[strings.ToLower(group)] == nil {
		fail(w, http.StatusNotFound, "ResourceGroupNotFound", group+" was not found.")
		return
	}
	a.keep(path, thing)
	status := http.StatusCreated
	if exists {
		status = http.StatusOK
	}
	answer(w, status, a.things[strings.ToLower(path)])
}

// keep adds what Azure would: the id and what it makes up.
func (a *arm) keep(path string, thing map[string]any) {
	parent, name, _ := cutLast(path, "/")
	thing["id"], thing["name"] = path, name
	properties, ok := thing["properties"].(map[string]any)
	if !ok {
		properties = map[string]any{}
		thing["properties"] = properties
	}
	maps.DeleteFunc(properties, func(_ string, v any) bool { // of what is not asked for, Azure says nothing
		inner, ok := v.(map[string]any)
		return ok && len(inner) == 0
	})
	properties["provisioningState"] = "Succeeded"
	kind := strings.ToLower(parent[strings.LastIndex(parent, "/")+1:])
	a.made++
	switch kind {
	case "publicipaddresses":
		properties["ipAddress"] = fmt.Sprintf("198.51.100.%d", a.made)
	case "networkinterfaces":
		for i, c := range properties["ipConfigurations"].([]any) {
			c := c.(map[string]any)["properties"].(map[string]any)
			c["primary"] = i == 0
			if c["privateIPAddress"] == nil {
				c["privateIPAddress"] = fmt.Sprintf("10.231.0.%d", a.made)
			}
		}
	case "userassignedidentities":
		properties["principalId"], properties["clientId"], properties["tenantId"] = armPrincipal, armPrincipal, armTenant
	case "roleassignments":
		properties["scope"], _, _ = cutLast(path, "/providers/")
	case "virtualmachines":
		properties["vmId"] = fmt.Sprintf("00000000-0000-0000-0001-%012d", a.made)
		a.disk(path, thing, properties)
	}
	a.things[strings.ToLower(path)] = thing
}

// disk makes the disk that a machine starts from.
func (a *arm) disk(path string, machine, properties map[string]any) {
	disk := properties["storageProfile"].(map[string]any)["osDisk"].(map[string]any)
	managed := disk["managedDisk"].(map[string]any)
	group, _, _ := strings.Cut(path, "/providers/")
	id := fmt.Sprintf("%s/providers/Microsoft.Compute/disks/%s", group, disk["name"])
	managed["id"] = id
	a.keep(id, map[string]any{"location": machine["location"], "tags": machine["tags"], "sku": map[string]any{"name": managed["storageAccountType"]},
		"properties": map[string]any{"diskSizeGB": disk["diskSizeGB"]}})
}

// refuse is for what the fake was not made for.
func (a *arm) refuse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	a.odd = append(a.odd, fmt.Sprintf("%s %s %s %v", r.Method, r.URL, body, err))
	fail(w, http.StatusNotImplemented, "NotImplemented", "the fake has no answer to "+r.Method+" "+r.URL.Path)
}

func fail(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked has gone
}
