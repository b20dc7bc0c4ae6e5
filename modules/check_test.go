package modules_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	tfjson "github.com/hashicorp/terraform-json"
)

// requiredTags are on everything that can carry tags or labels.
var requiredTags = []string{"skyctl-run", "skyctl-owner", "skyctl-expires"}

// check holds what a plan, or what exists after it, against what the modules
// promise, and returns what is broken: no open network, no untagged or
// unencrypted resource, IMDSv2 only, no machine without an end, no wildcard in a
// permission, no lasting secret in boot data.
func check(values *tfjson.StateValues) (violations []string) {
	machines := 0
	for _, r := range resources(values.RootModule) {
		blame := func(format string, args ...any) {
			violations = append(violations, r.Address+" "+fmt.Sprintf(format, args...))
		}
		v := object(r.AttributeValues)
		checkTags(r.Type, v, blame)
		switch r.Type {
		case "aws_instance":
			machines++
			checkEC2(v, blame)
		case "google_compute_instance":
			machines++
			checkCompute(v, blame)
		case "azurerm_linux_virtual_machine":
			machines++
			checkAzure(v, blame)
		case "aws_vpc_security_group_ingress_rule":
			checkIngress([]string{v.text("cidr_ipv4"), v.text("cidr_ipv6")}, blame)
		case "aws_ec2_managed_prefix_list":
			for _, e := range v.list("entry") {
				checkIngress([]string{e.text("cidr")}, blame)
			}
		case "aws_vpc_security_group_egress_rule":
			checkEgress([]string{v.text("cidr_ipv4")}, v.text("ip_protocol") == "tcp" && v.number("from_port") == 443 && v.number("to_port") == 443, blame)
		case "aws_security_group":
			if len(v.list("ingress"))+len(v.list("egress")) > 0 {
				blame("has rules of its own, which nobody looks at")
			}
		case "google_compute_firewall":
			checkFirewall(v, blame)
		case "azurerm_network_security_rule":
			checkSecurityRule(v, blame)
		case "aws_iam_role_policy", "aws_iam_role":
			checkPolicy(v, blame)
		case "azurerm_role_definition":
			for _, p := range v.list("permissions") {
				for _, action := range slices.Concat(p.texts("actions"), p.texts("data_actions")) {
					if strings.Contains(action, "*") {
						blame("allows %s", action)
					}
				}
			}
		case "google_storage_bucket_iam_member":
			if c := v.list("condition"); len(c) != 1 || !strings.Contains(c[0].text("expression"), "/objects/") {
				blame("reaches beyond a prefix")
			}
		}
	}
	if machines == 0 {
		violations = append(violations, "there is no machine: this check checks nothing")
	}
	return violations
}

func checkTags(resource string, v object, blame func(string, ...any)) {
	name := "tags"
	if strings.HasPrefix(resource, "google_") {
		name = "labels"
	}
	carriers := []object{v}
	carriers = append(carriers, v.list("root_block_device")...)
	for _, disk := range v.list("boot_disk") {
		carriers = append(carriers, disk.list("initialize_params")...)
	}
	for _, c := range carriers {
		given, can := c[name]
		if !can {
			continue
		}
		tags, _ := given.(map[string]any)
		for _, want := range requiredTags {
			if _, ok := tags[want]; !ok {
				blame("is not tagged with %s", want)
			}
		}
	}
}

func checkEC2(v object, blame func(string, ...any)) {
	if m := v.list("metadata_options"); len(m) != 1 || m[0].text("http_tokens") != "required" || m[0].number("http_put_response_hop_limit") != 1 {
		blame("answers IMDSv1, or to others than itself")
	}
	disks := append(v.list("root_block_device"), v.list("ebs_block_device")...)
	if len(disks) == 0 || slices.ContainsFunc(disks, func(d object) bool { return d["encrypted"] != true || d["delete_on_termination"] == false }) {
		blame("has a disk that is not encrypted, or that outlives it")
	}
	if v.text("instance_initiated_shutdown_behavior") != "terminate" {
		blame("bills when it is powered off")
	}
	if v.text("key_name") != "" {
		blame("can be logged in to")
	}
	checkBoot(v.text("user_data"), blame)
}

func checkCompute(v object, blame func(string, ...any)) {
	s := v.list("scheduling")
	if len(s) != 1 || s[0].text("instance_termination_action") != "DELETE" || len(s[0].list("max_run_duration")) != 1 || s[0].list("max_run_duration")[0].number("seconds") < 1 {
		blame("has no end that Compute Engine sees to")
	}
	if c := v.list("shielded_instance_config"); len(c) != 1 || c[0]["enable_secure_boot"] != true || c[0]["enable_vtpm"] != true {
		blame("is not shielded")
	}
	metadata, _ := v["metadata"].(map[string]any)
	boot, _ := metadata["user-data"].(string)
	checkBoot(boot, blame)
}

func checkAzure(v object, blame func(string, ...any)) {
	if v["disable_password_authentication"] != true || v.text("admin_password") != "" {
		blame("can be logged in to with a password")
	}
	if len(v.list("identity")) != 1 {
		blame("has no identity to delete itself by")
	}
	// In a plan the boot data are not known: they name the identity.
	if data := v.text("custom_data"); data != "" {
		boot, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			blame("has boot data that are not base64: %v", err)
		}
		if !strings.Contains(string(boot), "arm DELETE") {
			blame("bills when it is powered off")
		}
		checkBoot(string(boot), blame)
	}
}

// told are the keys of what an agent is told; `token` works once.
var told = []string{"ca_certificate", "enroll_within_seconds", "lifetime_seconds", "listen", "name", "not_after", "run", "token"}

var secret = regexp.MustCompile(`(?i)\b(AKIA|ASIA)[A-Z0-9]{12,}|PRIVATE KEY|(secret|passw)[a-z_]*["']?\s*[:=]|AccountKey=|[?&]sig=`)

// checkBoot checks cloud-init's data of a machine.
func checkBoot(boot string, blame func(string, ...any)) {
	if len(boot) > 16384 {
		blame("has boot data of %d bytes", len(boot))
	}
	var config struct {
		BootCmd []string `yaml:"bootcmd"`
		Files   []struct {
			Path, Permissions, Content string
		} `yaml:"write_files"`
	}
	if err := yaml.Unmarshal([]byte(boot), &config); err != nil || !strings.HasPrefix(boot, "#cloud-config\n") {
		blame("has boot data that are no cloud-config: %v", err)
		return
	}
	if !slices.ContainsFunc(config.BootCmd, func(c string) bool {
		return strings.Contains(c, "systemd-run --unit=skyctl-lifetime --on-active=") && strings.Contains(c, "--timer-property=DefaultDependencies=no") && regexp.MustCompile(`now \+ [1-9][0-9]*\)`).MatchString(c)
	}) {
		blame("has no end that its guest sees to")
	}
	if found := secret.FindString(boot); found != "" {
		blame("has a lasting secret in its boot data: %q", found)
	}
	for _, f := range config.Files {
		if f.Path != "/etc/skyctl/boot.json" {
			continue
		}
		content, err := base64.StdEncoding.DecodeString(f.Content)
		keys := map[string]any{}
		if err == nil {
			err = json.Unmarshal(content, &keys)
		}
		if names := slices.Sorted(maps.Keys(keys)); err != nil || !slices.Equal(names, told) || f.Permissions != "0600" {
			blame("tells its agent %v, mode %s (%v): a lasting secret may be among it", names, f.Permissions, err)
		}
		return
	}
	blame("tells its agent nothing")
}

func checkFirewall(v object, blame func(string, ...any)) {
	if v.text("direction") != "EGRESS" {
		checkIngress(v.texts("source_ranges"), blame)
		return
	}
	https := true
	for _, a := range v.list("allow") {
		https = https && a.text("protocol") == "tcp" && slices.Equal(a.texts("ports"), []string{"443"})
	}
	checkEgress(v.texts("destination_ranges"), https, blame)
}

func checkSecurityRule(v object, blame func(string, ...any)) {
	switch {
	case v.text("access") == "Deny":
	case v.text("direction") == "Inbound":
		checkIngress(append(v.texts("source_address_prefixes"), v.text("source_address_prefix")), blame)
	default:
		checkEgress(append(v.texts("destination_address_prefixes"), v.text("destination_address_prefix")),
			v.text("protocol") == "Tcp" && v.text("destination_port_range") == "443", blame)
	}
}

// open tells whether a network is more than somebody in particular.
func open(network string) bool {
	p, err := netip.ParsePrefix(network)
	return network != "" && (err != nil || p.Bits() < 8)
}

func checkIngress(networks []string, blame func(string, ...any)) {
	for _, n := range networks {
		if open(n) {
			blame("is open to %s", n)
		}
	}
}

// checkEgress lets through what is not allowed but denied, and stores: they have
// no fixed addresses, and are reached by https.
func checkEgress(networks []string, https bool, blame func(string, ...any)) {
	for _, n := range networks {
		if open(n) && !https {
			blame("lets out more than https to %s", n)
		}
	}
}

// objects of buckets, with a wildcard at the end of the prefix.
var bucketObjects = regexp.MustCompile(`^arn:aws:s3:::[^*?/]+/[^*?]*\*$`)

func checkPolicy(v object, blame func(string, ...any)) {
	for _, name := range []string{"policy", "assume_role_policy"} {
		if v.text(name) == "" {
			continue
		}
		var policy struct {
			Statement []struct{ Effect, Action, Resource, Principal any }
		}
		if err := json.Unmarshal([]byte(v.text(name)), &policy); err != nil {
			blame("has a policy that is none: %v", err)
		}
		for _, s := range policy.Statement {
			for _, action := range anyTexts(s.Action) {
				if strings.ContainsAny(action, "*?") {
					blame("allows %s", action)
				}
			}
			for _, resource := range anyTexts(s.Resource) {
				if strings.ContainsAny(resource, "*?") && !bucketObjects.MatchString(resource) {
					blame("allows it for %s", resource)
				}
			}
			if s.Principal == "*" {
				blame("trusts everybody")
			}
		}
	}
}

// resources are those of a module and its children, data sources left out.
func resources(m *tfjson.StateModule) (all []*tfjson.StateResource) {
	for _, r := range m.Resources {
		if r.Mode == tfjson.ManagedResourceMode {
			all = append(all, r)
		}
	}
	for _, child := range m.ChildModules {
		all = append(all, resources(child)...)
	}
	return all
}

// object is the value of a resource or of a block in it.
type object map[string]any

func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

func (o object) number(name string) float64 {
	n, _ := o[name].(float64)
	return n
}

func (o object) texts(name string) []string { return anyTexts(o[name]) }

// list are the blocks of that name.
func (o object) list(name string) (blocks []object) {
	values, _ := o[name].([]any)
	for _, v := range values {
		if m, ok := v.(map[string]any); ok {
			blocks = append(blocks, m)
		}
	}
	return blocks
}

// anyTexts are a text or a list of texts.
func anyTexts(v any) (texts []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			texts = append(texts, anyTexts(e)...)
		}
	}
	return texts
}
