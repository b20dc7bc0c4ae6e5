# Two gateways in azure:westus2, for half an hour.

terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0, < 6.0"
    }
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id

  features {}
}

module "gateways" {
  source = "../.."

  run    = "example"
  region = "azure:westus2"
  name   = "skyctl-example-azure-westus2"

  gateways = {
    azure-westus2-0 = { machine_type = "Standard_D2s_v5" }
    azure-westus2-1 = { machine_type = "Standard_D2s_v5" }
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
