# Plans only, with a provider that makes values up: no subscription is needed.

mock_provider "azurerm" {
  mock_data "azurerm_subscription" {
    defaults = { subscription_id = "00000000-0000-0000-0000-000000000000" }
  }
  mock_data "azurerm_platform_image" {
    defaults = { version = "24.04.202611010" }
  }
  mock_resource "azurerm_subnet" {
    defaults = { id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n" }
  }
}

variables {
  run    = "test"
  region = "azure:westus2"
  name   = "skyctl-test-azure-westus2"

  gateways = {
    azure-westus2-0 = { machine_type = "Standard_D32_v5" }
    azure-westus2-1 = { machine_type = "Standard_D8ps_v5", zone = "2", spot = true }
  }
  enrollment_tokens = { azure-westus2-0 = "a", azure-westus2-1 = "b" }
  peers             = { far-0 = "198.51.100.7:7443" }
  control_cidrs     = ["203.0.113.7/32"]

  agent = {
    binaries = {
      amd64 = { url = "https://example.org/skyagent-amd64?a=b&c=%2F", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
      arm64 = { url = "https://example.org/skyagent-arm64", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
    }
  }
  ca_certificate   = "certificate"
  lifetime_seconds = 3600
  not_after        = "2030-01-01T00:00:00Z"
  tags             = { team = "data", skyctl-run = "test" }
}

run "plans_a_group_of_its_own" {
  command = plan

  assert {
    condition     = length(azurerm_linux_virtual_machine.gateway) == 2 && length(azurerm_public_ip.gateway) == 2 && length(azurerm_resource_group.this) == 1
    error_message = "There is not a machine a gateway in a group of their own."
  }

  assert {
    condition     = azurerm_linux_virtual_machine.gateway["azure-westus2-0"].source_image_reference[0].sku == "server" && azurerm_linux_virtual_machine.gateway["azure-westus2-1"].source_image_reference[0].sku == "server-arm64"
    error_message = "A machine has an image that it cannot run."
  }

  assert {
    condition     = azurerm_linux_virtual_machine.gateway["azure-westus2-0"].source_image_reference[0].version == "24.04.202611010"
    error_message = "The image is not pinned."
  }

  assert {
    condition     = azurerm_linux_virtual_machine.gateway["azure-westus2-1"].priority == "Spot" && azurerm_linux_virtual_machine.gateway["azure-westus2-1"].eviction_policy == "Delete" && azurerm_linux_virtual_machine.gateway["azure-westus2-0"].priority == "Regular"
    error_message = "Spot is not as asked for."
  }

  assert {
    condition     = azurerm_linux_virtual_machine.gateway["azure-westus2-1"].zone == "2"
    error_message = "The machine is in another zone."
  }

  assert {
    condition     = azurerm_network_security_rule.ingress["peers"].source_address_prefixes == toset(["198.51.100.7/32"])
    error_message = "A peer is not let in, or more than a peer."
  }

  assert {
    condition     = toset(azurerm_role_definition.lifetime[0].permissions[0].actions) == toset(["Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/delete", "Microsoft.Resources/subscriptions/resourceGroups/delete"])
    error_message = "The machines may do something else than end themselves."
  }
}

run "takes_a_group_and_a_network_of_yours" {
  command = plan

  variables {
    resource_group_name = "mine"
    network             = { subnet_id = "/subnets/mine", public_addresses = false }
  }

  assert {
    condition     = length(azurerm_resource_group.this) + length(azurerm_virtual_network.this) + length(azurerm_public_ip.gateway) == 0
    error_message = "There is a second network, or a public address."
  }

  assert {
    condition     = azurerm_network_interface.gateway["azure-westus2-0"].ip_configuration[0].subnet_id == "/subnets/mine"
    error_message = "The machine is elsewhere."
  }

  assert {
    condition     = !contains(azurerm_role_definition.lifetime[0].permissions[0].actions, "Microsoft.Resources/subscriptions/resourceGroups/delete")
    error_message = "The machines may delete a group of yours."
  }
}

run "scopes_a_new_identity" {
  command = plan

  variables {
    identity = { containers = [{ id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/blobServices/default/containers/data" }] }
  }

  assert {
    condition     = azurerm_role_assignment.store["/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/blobServices/default/containers/data"].role_definition_name == "Storage Blob Data Reader"
    error_message = "A container that is read can be written."
  }
}

run "may_do_without_an_identity" {
  command = plan

  variables {
    identity = { lifetime_role_enabled = false }
  }

  assert {
    condition     = length(azurerm_user_assigned_identity.this) + length(azurerm_role_definition.lifetime) + length(azurerm_role_assignment.lifetime) == 0
    error_message = "There is an identity that nobody asked for."
  }
}

run "takes_no_gateways" {
  command = plan

  variables {
    gateways          = {}
    enrollment_tokens = {}
  }

  assert {
    condition     = length(output.gateways) == 0
    error_message = "There are gateways that nobody asked for."
  }
}

run "takes_an_image_of_ours" {
  command = plan

  variables {
    source_image_ids = { amd64 = "/subscriptions/i/resourceGroups/g/providers/Microsoft.Compute/images/x", arm64 = "/subscriptions/i/resourceGroups/g/providers/Microsoft.Compute/images/y" }
  }

  assert {
    condition     = alltrue([for machine in azurerm_linux_virtual_machine.gateway : endswith(machine.source_image_id, "images/x") || endswith(machine.source_image_id, "images/y")])
    error_message = "A machine starts from another image."
  }

  assert {
    condition     = alltrue([for machine in azurerm_linux_virtual_machine.gateway : length(machine.source_image_reference) == 0])
    error_message = "A machine has two images."
  }
}

run "refuses_an_image_of_an_unknown_architecture" {
  command = plan

  variables {
    source_image_ids = { mips = "x" }
  }
  expect_failures = [var.source_image_ids]
}

run "refuses_another_cloud" {
  command = plan

  variables {
    region = "local:east"
  }
  expect_failures = [var.region]
}

run "refuses_a_bad_run" {
  command = plan

  variables {
    run = "../x"
  }
  expect_failures = [var.run]
}

run "refuses_a_long_name" {
  command = plan

  variables {
    name = "skyctl-0123456789-0123456789-01"
  }
  expect_failures = [var.name]
}

run "refuses_a_gateway_that_is_a_path" {
  command = plan

  variables {
    gateways          = { "../x" = { machine_type = "Standard_D32_v5" } }
    enrollment_tokens = { "../x" = "a" }
  }
  expect_failures = [var.gateways]
}

run "refuses_a_gateway_without_machine_type" {
  command = plan

  variables {
    gateways          = { x = {} }
    enrollment_tokens = { x = "a" }
  }
  expect_failures = [var.gateways]
}

run "refuses_a_gateway_without_token" {
  command = plan

  variables {
    enrollment_tokens = { azure-westus2-0 = "a" }
  }
  expect_failures = [var.enrollment_tokens]
}

run "refuses_an_unknown_architecture" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }, mips = { url = "https://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_an_agent_in_the_clear" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "http://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_a_url_that_breaks_out" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/'; reboot #", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_an_agent_without_digest" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/b", sha256 = "" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_a_control_network_that_is_none" {
  command = plan

  variables {
    control_cidrs = ["203.0.113.7"]
  }
  expect_failures = [var.control_cidrs]
}

run "refuses_the_world_at_the_control_port" {
  command = plan

  variables {
    control_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.control_cidrs]
}

run "refuses_half_the_world_at_the_control_port" {
  command = plan

  variables {
    control_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }
  expect_failures = [var.control_cidrs]
}

run "refuses_no_lifetime" {
  command = plan

  variables {
    lifetime_seconds = 0
  }
  expect_failures = [var.lifetime_seconds]
}

run "refuses_a_lifetime_of_more_than_a_day" {
  command = plan

  variables {
    lifetime_seconds = 86401
  }
  expect_failures = [var.lifetime_seconds]
}

run "refuses_a_bad_deadline" {
  command = plan

  variables {
    not_after = "tomorrow"
  }
  expect_failures = [var.not_after]
}

run "refuses_a_deadline_of_another_time_zone" {
  command = plan

  variables {
    not_after = "2030-01-01T00:00:00+01:00"
  }
  expect_failures = [var.not_after]
}

run "refuses_no_time_to_enroll" {
  command = plan

  variables {
    enroll_within_seconds = 0
  }
  expect_failures = [var.enroll_within_seconds]
}

run "refuses_a_privileged_port" {
  command = plan

  variables {
    port = 443
  }
  expect_failures = [var.port]
}

run "refuses_a_network_that_is_none" {
  command = plan

  variables {
    network = { cidr_block = "ten" }
  }
  expect_failures = [var.network]
}

run "refuses_private_addresses_in_a_new_network" {
  command = plan

  variables {
    network = { public_addresses = false }
  }
  expect_failures = [var.network]
}

run "refuses_two_identities" {
  command = plan

  variables {
    identity = { user_assigned_identity_id = "i", containers = [{ id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/blobServices/default/containers/data" }] }
  }
  expect_failures = [var.identity]
}

run "refuses_a_whole_storage_account" {
  command = plan

  variables {
    identity = { containers = [{ id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a" }] }
  }
  expect_failures = [var.identity]
}

run "refuses_a_role_that_is_not_to_be_used" {
  command = plan

  variables {
    identity = { lifetime_role_enabled = false, lifetime_role_definition_id = "r" }
  }
  expect_failures = [var.identity]
}

run "refuses_a_small_disk" {
  command = plan

  variables {
    disk_size_gb = 4
  }
  expect_failures = [var.disk_size_gb]
}

run "refuses_an_arm_machine_without_an_agent_for_it" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [azurerm_linux_virtual_machine.gateway["azure-westus2-1"]]
}
