locals {
  location = split(":", var.region)[1]

  # "Standard_D16ps_v5": a p among the letters behind the number is Arm.
  architecture = {
    for name, gateway in var.gateways : name => can(regex("^[A-Za-z]+_[A-Z]+[0-9]+(-[0-9]+)?[a-z]*p[a-z]*(_|$)", gateway.machine_type)) ? "arm64" : "amd64"
  }
  skus = { amd64 = "server", arm64 = "server-arm64" }

  new_group           = var.resource_group_name == null
  resource_group_name = local.new_group ? azurerm_resource_group.this[0].name : var.resource_group_name
  resource_group_id   = "/subscriptions/${data.azurerm_subscription.this.subscription_id}/resourceGroups/${coalesce(var.resource_group_name, var.name)}"
}

data "azurerm_subscription" "this" {}

# The newest Ubuntu of today, looked up when the gateways are planned. Machines
# that run keep theirs.
data "azurerm_platform_image" "ubuntu" {
  for_each = setsubtract(values(local.architecture), keys(var.source_image_ids))

  location  = local.location
  publisher = "Canonical"
  offer     = "ubuntu-24_04-lts"
  sku       = local.skus[each.value]
}

resource "azurerm_resource_group" "this" {
  count = local.new_group ? 1 : 0

  name     = var.name
  location = local.location
  tags     = var.tags
}

resource "azurerm_linux_virtual_machine" "gateway" {
  for_each = var.gateways

  name                            = "${var.name}-${each.key}"
  computer_name                   = each.key
  resource_group_name             = local.resource_group_name
  location                        = local.location
  zone                            = each.value.zone
  size                            = each.value.machine_type
  network_interface_ids           = [azurerm_network_interface.gateway[each.key].id]
  custom_data                     = base64encode(local.boot[each.key])
  admin_username                  = "nobody-logs-in"
  disable_password_authentication = true
  allow_extension_operations      = false
  encryption_at_host_enabled      = var.encryption_at_host_enabled
  secure_boot_enabled             = local.architecture[each.key] == "amd64"
  vtpm_enabled                    = local.architecture[each.key] == "amd64"
  priority                        = each.value.spot ? "Spot" : "Regular"
  eviction_policy                 = each.value.spot ? "Delete" : null
  max_bid_price                   = each.value.spot ? -1 : null
  tags                            = var.tags

  admin_ssh_key {
    username   = "nobody-logs-in"
    public_key = var.admin_public_key
  }

  # Encrypted by Azure at rest, always.
  os_disk {
    name                 = "${var.name}-${each.key}"
    caching              = "ReadOnly"
    storage_account_type = "StandardSSD_LRS"
    disk_size_gb         = var.disk_size_gb
  }

  source_image_id = lookup(var.source_image_ids, local.architecture[each.key], null)

  dynamic "source_image_reference" {
    for_each = contains(keys(var.source_image_ids), local.architecture[each.key]) ? [] : [local.architecture[each.key]]

    content {
      publisher = "Canonical"
      offer     = "ubuntu-24_04-lts"
      sku       = local.skus[source_image_reference.value]
      version   = data.azurerm_platform_image.ubuntu[source_image_reference.value].version
    }
  }

  dynamic "identity" {
    for_each = length(local.identity_ids) > 0 ? [local.identity_ids] : []

    content {
      type         = "UserAssigned"
      identity_ids = identity.value
    }
  }

  # The machine may need them in its first minute, and to the last.
  depends_on = [azurerm_role_assignment.lifetime, azurerm_network_interface_security_group_association.gateway]

  lifecycle {
    # They count when the machine starts. A token of another gateway's successor,
    # or an image of tomorrow, is no reason to replace this one.
    ignore_changes = [custom_data, source_image_id, source_image_reference]

    precondition {
      condition     = contains(keys(var.agent.binaries), local.architecture[each.key])
      error_message = "${each.value.machine_type} is ${local.architecture[each.key]}, and agent.binaries has no agent for that."
    }
  }
}
