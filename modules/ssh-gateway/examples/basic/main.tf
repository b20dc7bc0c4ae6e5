# Two gateways in ssh:rack1, for half an hour.

terraform {
  required_version = ">= 1.11, < 2"
}

module "gateways" {
  source = "../.."

  run    = "example"
  region = "ssh:rack1"
  name   = "skyctl-example-ssh-rack1"

  gateways = {
    ssh-rack1-0 = {}
    ssh-rack1-1 = {}
  }
  hosts = {
    ssh-rack1-0 = { address = "192.0.2.7", port = 7443, user = "ops", identity_file = pathexpand("~/.ssh/id_ed25519") }
    ssh-rack1-1 = { address = "192.0.2.8", port = 7443, user = "ops", identity_file = pathexpand("~/.ssh/id_ed25519") }
  }

  agent             = { path = var.agent_path }
  ca_certificate    = file(var.ca_certificate_file)
  enrollment_tokens = var.enrollment_tokens
  lifetime_seconds  = 1800
  not_after         = var.not_after
  tags              = { skyctl-run = "example", skyctl-owner = "ops", skyctl-expires = var.not_after }
}

output "gateways" {
  description = "What the module gives back."
  value       = module.gateways.gateways
}
