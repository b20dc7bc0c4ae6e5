package config

import (
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Config is the configuration file. Load returns it validated and with its
// defaults filled in; without a file it is the defaults alone.
type Config struct {
	// File is where it was read from, empty if there is no file. Relative
	// paths in it are relative to the working directory.
	File string `yaml:"-"`

	Stores    map[string]Store         `yaml:"stores"` // by URL scheme
	Regions   map[region.Region]Region `yaml:"regions"`
	Links     []Link                   `yaml:"links"`
	Clouds    Clouds                   `yaml:"clouds"`
	Tags      map[string]string        `yaml:"tags"`
	Allow     Allow                    `yaml:"allow"`
	Addresses Addresses                `yaml:"addresses"`
	Control   Control                  `yaml:"control"`
	Agent     Agent                    `yaml:"agent"`
	Hooks     Hooks                    `yaml:"hooks"`
	Limits    Limits                   `yaml:"limits"`
	Terraform Terraform                `yaml:"terraform"`
}

// Store is an object store that URLs name by its scheme.
type Store struct {
	Type        string            `yaml:"type"` // s3, gcs, azblob, file
	Endpoint    string            `yaml:"endpoint"`
	Region      RegionList        `yaml:"region"` // where gateways may read and write it
	PathStyle   bool              `yaml:"path_style"`
	Credentials map[string]string `yaml:"credentials"`
	Path        string            `yaml:"path"` // file: the directory that holds the buckets
	Host        string            `yaml:"host"` // file: the address of the host that has Path
}

// Region is a place without a cloud API, or the price and caps of gateways in
// one that has it.
type Region struct {
	Hosts       []Host   `yaml:"hosts"`
	EgressGbps  *float64 `yaml:"egress_gbps"`  // of one gateway; nil: no cap
	IngressGbps *float64 `yaml:"ingress_gbps"` // of one gateway; nil: no cap
	USDPerHour  *float64 `yaml:"usd_per_hour"` // of one gateway

	// NetNS and Address are short for one host. Load moves them to Hosts.
	NetNS   string `yaml:"netns"`
	Address string `yaml:"address"`
}

// Host is where gateways of an owned region run.
type Host struct {
	NetNS        string `yaml:"netns"`         // local: the network namespace; empty: this one
	Address      string `yaml:"address"`       // that other gateways dial
	User         string `yaml:"user"`          // ssh
	IdentityFile string `yaml:"identity_file"` // ssh
}

// Link is what the planner should believe of a pair of regions. Absent figures
// are left to grid and price book.
type Link struct {
	From        region.Region `yaml:"from"`
	To          region.Region `yaml:"to"`
	Gbps        *float64      `yaml:"gbps"` // of the pair, whatever the number of gateways
	Connections *int          `yaml:"connections"`
	USDPerGB    *float64      `yaml:"usd_per_gb"`
	RTTMs       *float64      `yaml:"rtt_ms"`
	Both        bool          `yaml:"both"` // the same the other way
}

// Clouds hold what each cloud's account needs.
type Clouds struct {
	AWS   AWS   `yaml:"aws"`
	GCP   GCP   `yaml:"gcp"`
	Azure Azure `yaml:"azure"`
}

// AWS is an account of Amazon Web Services.
type AWS struct {
	Profile             string                `yaml:"profile"`
	AccountID           string                `yaml:"account_id"`
	AssumeRole          string                `yaml:"assume_role"`
	PermissionsBoundary string                `yaml:"permissions_boundary"`
	Networks            map[string]AWSNetwork `yaml:"networks"` // by region name
}

// AWSNetwork is an existing network to use instead of a new one.
type AWSNetwork struct {
	VPCID     string   `yaml:"vpc_id"`
	SubnetIDs []string `yaml:"subnet_ids"`
}

// GCP is a project of Google Cloud.
type GCP struct {
	Project                   string              `yaml:"project"`
	ImpersonateServiceAccount string              `yaml:"impersonate_service_account"`
	Network                   string              `yaml:"network"`
	Subnetworks               map[string]string   `yaml:"subnetworks"` // by region name
	Zones                     map[string][]string `yaml:"zones"`       // by region name
}

// Azure is a subscription of Microsoft Azure.
type Azure struct {
	SubscriptionID string            `yaml:"subscription_id"`
	TenantID       string            `yaml:"tenant_id"`
	ResourceGroup  string            `yaml:"resource_group"`
	SubnetIDs      map[string]string `yaml:"subnet_ids"` // by region name
}

// Allow restricts where gateways may be and what machines they may use. Empty
// lists allow everything.
type Allow struct {
	Regions  []region.Region `yaml:"regions"`
	Machines []string        `yaml:"machines"`
}

// Addresses says which addresses gateways use for each other.
type Addresses string

const (
	Public  Addresses = "public"
	Private Addresses = "private"
)

// Control says who may reach the gateways' control port.
type Control struct {
	CIDRs CIDRs `yaml:"cidrs"`
}

// Hooks are commands, each with its arguments, that skyctl runs.
type Hooks struct {
	AfterPlan []string `yaml:"after_plan"` // gets the path of plan.json; non-zero stops
}

// Limits bound what a run may use.
type Limits struct {
	GatewaysPerRegion int        `yaml:"gateways_per_region"`
	Memory            unit.Bytes `yaml:"memory"` // an agent's budget
}

// Terraform says which Terraform is used and where it keeps its state.
type Terraform struct {
	Path      string         `yaml:"path"`       // empty: the one on PATH, or the pin
	PluginDir string         `yaml:"plugin_dir"` // a filesystem mirror of providers
	Backend   map[string]any `yaml:"backend"`    // type and its arguments, see BackendOf; empty: local state
}

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		Addresses: Public,
		Limits:    Limits{GatewaysPerRegion: 8, Memory: 512 * unit.MiB},
	}
}
