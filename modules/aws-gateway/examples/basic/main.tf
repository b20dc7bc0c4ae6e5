# Two gateways in aws:us-east-1, for half an hour.

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
    aws-us-east-1-1 = { machine_type = "c6in.large" }
  }
  control_cidrs = [var.control_cidr]

  agent             = { binaries = { amd64 = var.agent_binary } }
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
