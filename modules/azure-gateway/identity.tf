locals {
  new_identity = var.identity.lifetime_role_enabled || length(var.identity.containers) > 0
  identity_ids = concat(
    local.new_identity ? [azurerm_user_assigned_identity.this[0].id] : [],
    var.identity.user_assigned_identity_id == null ? [] : [var.identity.user_assigned_identity_id],
  )
  new_role = var.identity.lifetime_role_enabled && var.identity.lifetime_role_definition_id == null
}

resource "azurerm_user_assigned_identity" "this" {
  count = local.new_identity ? 1 : 0

  name                = var.name
  resource_group_name = local.resource_group_name
  location            = local.location
  tags                = var.tags
}

# To end themselves the machines may do this and nothing else. A role assignment
# takes up to 15 minutes to reach a machine; the agent waits longer than that.
resource "azurerm_role_definition" "lifetime" {
  count = local.new_role ? 1 : 0

  name        = "${var.name}-lifetime"
  description = "End of skyctl run ${var.run}"
  scope       = local.resource_group_id

  permissions {
    actions = concat(
      ["Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/delete"],
      local.new_group ? ["Microsoft.Resources/subscriptions/resourceGroups/delete"] : [],
    )
  }

  assignable_scopes = [local.resource_group_id]

  depends_on = [azurerm_resource_group.this]
}

resource "azurerm_role_assignment" "lifetime" {
  count = var.identity.lifetime_role_enabled ? 1 : 0

  scope                            = local.resource_group_id
  role_definition_id               = local.new_role ? azurerm_role_definition.lifetime[0].role_definition_resource_id : var.identity.lifetime_role_definition_id
  principal_id                     = azurerm_user_assigned_identity.this[0].principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_role_assignment" "store" {
  for_each = { for container in var.identity.containers : container.id => container }

  scope                            = each.value.id
  role_definition_name             = each.value.write ? "Storage Blob Data Contributor" : "Storage Blob Data Reader"
  principal_id                     = azurerm_user_assigned_identity.this[0].principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}
