# Two gateways in aws:us-east-1, with everything that the module can do.

terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

module "gateways" {
  source = "../.."

  run    = "example"
  region = "aws:us-east-1"
  name   = "skyctl-example-aws-us-east-1"

  gateways = {
    aws-us-east-1-0 = { machine_type = "c6in.large" }
    aws-us-east-1-1 = { machine_type = "c7gn.large", spot = true }
  }
  peers         = { far-0 = "198.51.100.7:7443" }
  control_cidrs = [var.control_cidr]

  termination_schedule_enabled = true

  identity = {
    buckets = [
      { name = "example-source", prefix = "data/" },
      { name = "example-sink", write = true },
    ]
  }

  agent             = { binaries = var.agent_binaries }
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
