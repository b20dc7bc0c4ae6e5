# Two gateways in local:east, for half an hour.

terraform {
  required_version = ">= 1.11, < 2"
}

module "gateways" {
  source = "../.."

  run    = "example"
  region = "local:east"
  name   = "skyctl-example-local-east"

  gateways = {
    local-east-0 = {}
    local-east-1 = {}
  }
  hosts = {
    local-east-0 = { address = "127.0.0.1", port = 41000 }
    local-east-1 = { address = "127.0.0.1", port = 41001 }
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
