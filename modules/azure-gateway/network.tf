locals {
  new_network = var.network.subnet_id == null
  subnet_id   = local.new_network ? azurerm_subnet.this[0].id : var.network.subnet_id
}

resource "azurerm_virtual_network" "this" {
  count = local.new_network ? 1 : 0

  name                = var.name
  resource_group_name = local.resource_group_name
  location            = local.location
  address_space       = [var.network.cidr_block]
  tags                = var.tags
}

resource "azurerm_subnet" "this" {
  count = local.new_network ? 1 : 0

  name                            = "gateways"
  resource_group_name             = local.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this[0].name
  address_prefixes                = [var.network.cidr_block]
  default_outbound_access_enabled = false
}

resource "azurerm_public_ip" "gateway" {
  for_each = var.network.public_addresses ? var.gateways : {}

  name                = "${var.name}-${each.key}"
  resource_group_name = local.resource_group_name
  location            = local.location
  zones               = each.value.zone == null ? null : [each.value.zone]
  sku                 = "Standard"
  allocation_method   = "Static"
  tags                = var.tags
}

resource "azurerm_network_interface" "gateway" {
  for_each = var.gateways

  name                           = "${var.name}-${each.key}"
  resource_group_name            = local.resource_group_name
  location                       = local.location
  accelerated_networking_enabled = var.network.accelerated_networking
  tags                           = var.tags

  ip_configuration {
    name                          = "gateway"
    subnet_id                     = local.subnet_id
    private_ip_address_allocation = "Dynamic"
    public_ip_address_id          = var.network.public_addresses ? azurerm_public_ip.gateway[each.key].id : null
  }
}
