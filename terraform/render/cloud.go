package render

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// kind is what the regions of one cloud have in common.
type kind struct {
	module   string // of package modules
	resource string // type of the resource that is a gateway
	hosts    bool   // gateways run on hosts that the deployment names
	provider string // local name; empty: Terraform's built-in one
	versions string // of the provider that the module takes
}

// kinds are the clouds by the word before a region's colon.
var kinds = map[string]kind{
	"aws":   {module: "aws-gateway", resource: "aws_instance", provider: "aws", versions: ">= 6.0, < 7.0"},
	"gcp":   {module: "gcp-gateway", resource: "google_compute_instance", provider: "google", versions: ">= 6.31, < 8.0"},
	"azure": {module: "azure-gateway", resource: "azurerm_linux_virtual_machine", provider: "azurerm", versions: ">= 4.0, < 6.0"},
	"ssh":   {module: "ssh-gateway", resource: "terraform_data", hosts: true},
	"local": {module: "local-gateway", resource: "terraform_data", hosts: true},
}

// clouds are those of the regions, sorted, each once.
func (d Deployment) clouds() []string {
	var all []string
	for _, r := range d.Regions {
		all = append(all, r.cloud())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// requiredProviders appends what the modules need.
func requiredProviders(terraform *hclwrite.Body, d Deployment) {
	var body *hclwrite.Body
	for _, cloud := range d.clouds() {
		k := kinds[cloud]
		if k.provider == "" {
			continue
		}
		if body == nil {
			terraform.AppendNewline()
			body = terraform.AppendNewBlock("required_providers", nil).Body()
		}
		var source object
		source.value("source", cty.StringVal("hashicorp/"+k.provider))
		source.value("version", cty.StringVal(k.versions))
		body.SetAttributeRaw(k.provider, source.tokens())
	}
}

// providersFile configures the providers of the clouds, one an account. No
// credential is in it: each provider finds its own as its cloud's tools do.
func providersFile(d Deployment) []byte {
	f := hclwrite.NewEmptyFile()
	comment(f.Body(), "One provider a cloud account, pinned to it. Credentials are found as each cloud's\n"+
		"own tools find them. Local and ssh gateways need no provider.")
	for _, cloud := range d.clouds() {
		k := kinds[cloud]
		if k.provider == "" {
			continue
		}
		f.Body().AppendNewline()
		body := f.Body().AppendNewBlock("provider", []string{k.provider}).Body()
		switch cloud {
		case "aws":
			awsProvider(body, d)
		case "gcp":
			setIf(body, "project", d.GCP.Project)
			setIf(body, "impersonate_service_account", d.GCP.ImpersonateServiceAccount)
		case "azure":
			azureProvider(body, d)
		}
	}
	return finish(f)
}

// awsRetries are of one request of the provider's. It would make 25: where a zone
// has no room for a machine, and the provider asks for it again each time, that
// is most of an hour in which the others bill.
const awsRetries = 8

// awsProvider names a region because the provider wants one; each resource has
// its own.
func awsProvider(body *hclwrite.Body, d Deployment) {
	for _, r := range d.Regions {
		if cloud, name, _ := strings.Cut(r.Name, ":"); cloud == "aws" {
			set(body, "region", name)
			break
		}
	}
	setIf(body, "profile", d.AWS.Profile)
	body.SetAttributeValue("max_retries", cty.NumberIntVal(awsRetries))
	if d.AWS.ID != "" {
		body.SetAttributeValue("allowed_account_ids", cty.ListVal([]cty.Value{cty.StringVal(d.AWS.ID)}))
	}
	if d.AWS.AssumeRole != "" {
		body.AppendNewline()
		set(body.AppendNewBlock("assume_role", nil).Body(), "role_arn", d.AWS.AssumeRole)
	}
}

// azureServices are those of Azure that the module needs. A subscription that was
// never used has them off, and the provider would turn on several more, for which
// it needs as many permissions.
var azureServices = cty.ListVal([]cty.Value{cty.StringVal("Microsoft.Compute"), cty.StringVal("Microsoft.ManagedIdentity"), cty.StringVal("Microsoft.Network")})

// azureProvider lets destroy take a group with whatever is left in it: a machine
// that deleted itself leaves its disk.
func azureProvider(body *hclwrite.Body, d Deployment) {
	setIf(body, "subscription_id", d.Azure.SubscriptionID)
	setIf(body, "tenant_id", d.Azure.TenantID)
	set(body, "resource_provider_registrations", "none")
	body.SetAttributeValue("resource_providers_to_register", azureServices)
	body.AppendNewline()
	features := body.AppendNewBlock("features", nil).Body()
	features.AppendNewBlock("resource_group", nil).Body().SetAttributeValue("prevent_deletion_if_contains_resources", cty.False)
}

// setIf gives an attribute a value that is not empty.
func setIf(body *hclwrite.Body, name, value string) {
	if value != "" {
		set(body, name, value)
	}
}
