# Two gateways in gcp:us-central1, for half an hour.

terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.31, < 8.0"
    }
  }
}

provider "google" {
  project = var.project
}

module "gateways" {
  source = "../.."

  run    = "example"
  region = "gcp:us-central1"
  name   = "skyctl-example-gcp-us-central1"

  gateways = {
    gcp-us-central1-0 = { machine_type = "n2-standard-2" }
    gcp-us-central1-1 = { machine_type = "n2-standard-2" }
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
