package render

import "time"

// Deployment is everything that a root module is rendered from. It is plain
// data: whoever plans and whoever keeps the secrets fills it in.
type Deployment struct {
	Run     string            // id of the run: lower case letters, digits, hyphens
	Owner   string            // who answers for what is created
	Tags    map[string]string // for everything that can carry tags
	Regions []Region

	AgentPath     string            // the skyagent binary on this machine, for local and ssh regions
	AgentBinaries map[string]Binary // where machines of a cloud fetch it, by architecture: amd64, arm64
	CACertificate string            // PEM
	Tokens        map[string]string // one-time enrollment token of each gateway, by its name
	Lifetime      time.Duration     // from an agent's start to its end, whole seconds
	NotAfter      time.Time         // the end of every agent whatever its start
	EnrollWithin  time.Duration     // an agent that nobody enrolls ends itself, whole seconds
	ControlCIDRs  []string          // who may reach the control port

	AWS   AWSAccount
	GCP   GCPAccount
	Azure AzureAccount

	Backend *Backend // where the state is kept; nil: beside the root module
}

// Region is one module call.
type Region struct {
	Name     string // "local:east"
	Slug     string // "local-east": the name in file, module and resource names
	Gateways []Gateway
	Peers    []string // gateways of other regions that talk to this one's, by name

	// Arguments of the region's module beyond the core: network, identity and
	// what else its README has. Values are as those of a Backend.
	Arguments map[string]any
}

// Binary is an agent to fetch.
type Binary struct {
	URL    string `json:"url"` // https
	SHA256 string `json:"sha256"`
}

// AWSAccount is whose machines AWS regions rent. Empty fields are left to the
// environment.
type AWSAccount struct {
	ID         string // no other account is touched
	Profile    string
	AssumeRole string // ARN
}

// GCPAccount is whose machines GCP regions rent.
type GCPAccount struct {
	Project                   string
	ImpersonateServiceAccount string
}

// AzureAccount is whose machines Azure regions rent.
type AzureAccount struct {
	SubscriptionID, TenantID string
}

// Gateway is one machine or process.
type Gateway struct {
	Name    string // unique in the run: "local-east-0"
	Machine string // machine type, empty for a process
	Zone    string // empty: the region's choice
	Spot    bool
	Host    Host // local and ssh regions only
}

// Host is where a gateway of a local or ssh region listens.
type Host struct {
	Address string // IP address; of an ssh region also a name
	Netns   string // local: network namespace that holds it; empty: the machine's own
	Port    int    // UDP and TCP

	User         string // ssh: who logs in; empty: root
	IdentityFile string // ssh: path of the private key on this machine; empty: the SSH agent
}

// Backend is a Terraform backend and its settings: strings, numbers, booleans,
// and lists and maps of these.
type Backend struct {
	Type   string
	Config map[string]any
}
