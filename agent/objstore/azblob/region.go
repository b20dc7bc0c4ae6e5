package azblob

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	management = "https://management.azure.com"
	resources  = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
)

// accountOf is the name of an account of Azure's public cloud, empty for any
// other endpoint.
func accountOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	account, ok := strings.CutSuffix(u.Hostname(), ".blob.core.windows.net")
	if !ok || !accountName.MatchString(account) {
		return ""
	}
	return account
}

// location asks Azure where an account is. The service itself does not know:
// that is a matter of Resource Manager, which takes the same identity but
// neither keys nor tokens of the account. Resource Graph finds an account by
// its name in all subscriptions that the identity may see; the answer is empty
// where it is in none of them.
func location(ctx context.Context, endpoint, account string, identity azcore.TokenCredential, options azcore.ClientOptions) (string, error) {
	auth := runtime.NewBearerTokenPolicy(identity, []string{management + "/.default"}, nil)
	pipeline := runtime.NewPipeline("skyctl", "", runtime.PipelineOptions{PerRetry: []policy.Policy{auth}}, &options)
	request, err := runtime.NewRequest(ctx, http.MethodPost, endpoint+resources)
	if err != nil {
		return "", err
	}
	query := fmt.Sprintf("resources | where type == 'microsoft.storage/storageaccounts' and name == '%s' | project location", account)
	if err := runtime.MarshalAsJSON(request, map[string]string{"query": query}); err != nil {
		return "", err
	}
	answer, err := pipeline.Do(request)
	if err != nil {
		return "", err
	}
	if !runtime.HasStatusCode(answer, http.StatusOK) {
		return "", runtime.NewResponseError(answer)
	}
	var found struct {
		Data []struct{ Location string }
	}
	if err := runtime.UnmarshalAsJSON(answer, &found); err != nil || len(found.Data) == 0 {
		return "", err
	}
	return strings.ToLower(found.Data[0].Location), nil
}
