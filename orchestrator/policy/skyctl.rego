# Rules for a plan of skyctl, to begin with: change the figures, add your own.
# README.md beside it says how skyctl asks them.
package main

import rego.v1

max_usd := 50

max_gateways := 16

# Where data may pass: clouds and areas by the beginning of a region's name.
allowed := ["local:", "ssh:", "aws:us-", "aws:eu-", "gcp:us-", "gcp:europe-", "azure:"]

deny contains msg if {
	input.cost.total_usd > max_usd
	msg := sprintf("it costs $%.2f, and the most is $%d", [input.cost.total_usd, max_usd])
}

deny contains msg if {
	n := sum([r.gateways | some r in input.overlay.regions])
	n > max_gateways
	msg := sprintf("it rents %d gateways, and the most is %d", [n, max_gateways])
}

deny contains msg if {
	some route in input.overlay.routes
	some region in route.path
	not passes(region)
	msg := sprintf("data would pass %s", [region])
}

passes(region) if {
	some prefix in allowed
	startswith(region, prefix)
}

# A plan is of a run of its own: what it destroys somebody else needs.
deny contains msg if {
	input.terraform.destroy > 0
	msg := sprintf("Terraform would destroy %d resources", [input.terraform.destroy])
}
