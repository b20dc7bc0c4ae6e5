locals {
  peer_ranges = [for peer in sort(keys(var.peers)) : "${split(":", var.peers[peer])[0]}/32"]
  peer_ports  = distinct([for peer in sort(keys(var.peers)) : split(":", var.peers[peer])[1]])

  # By priority. Whether there is a rule is known before its addresses are.
  ingress_rules = {
    for kind, rule in {
      peers   = { enabled = length(var.peers) > 0, priority = 200, from = local.peer_ranges }
      control = { enabled = length(var.control_cidrs) > 0, priority = 210, from = var.control_cidrs }
    } : kind => { priority = rule.priority, from = rule.from } if rule.enabled
  }
}

resource "azurerm_network_security_group" "this" {
  name                = var.name
  resource_group_name = local.resource_group_name
  location            = local.location
  tags                = var.tags
}

resource "azurerm_network_interface_security_group_association" "gateway" {
  for_each = var.gateways

  network_interface_id      = azurerm_network_interface.gateway[each.key].id
  network_security_group_id = azurerm_network_security_group.this.id
}

# TCP and UDP are one rule: nothing else has ports that pass here.
resource "azurerm_network_security_rule" "ingress" {
  for_each = local.ingress_rules

  name                        = "from-${each.key}"
  resource_group_name         = local.resource_group_name
  network_security_group_name = azurerm_network_security_group.this.name
  direction                   = "Inbound"
  access                      = "Allow"
  priority                    = each.value.priority
  protocol                    = "*"
  source_address_prefixes     = each.value.from
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = tostring(var.port)
}

# The rule that Azure adds by itself lets the whole virtual network in.
resource "azurerm_network_security_rule" "ingress_rest" {
  name                        = "from-nobody"
  resource_group_name         = local.resource_group_name
  network_security_group_name = azurerm_network_security_group.this.name
  direction                   = "Inbound"
  access                      = "Deny"
  priority                    = 4096
  protocol                    = "*"
  source_address_prefix       = "*"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "*"
}

resource "azurerm_network_security_rule" "egress_peers" {
  count = length(var.peers) > 0 ? 1 : 0

  name                         = "to-peers"
  resource_group_name          = local.resource_group_name
  network_security_group_name  = azurerm_network_security_group.this.name
  direction                    = "Outbound"
  access                       = "Allow"
  priority                     = 200
  protocol                     = "*"
  source_address_prefix        = "*"
  source_port_range            = "*"
  destination_address_prefixes = local.peer_ranges
  destination_port_ranges      = local.peer_ports
}

# Stores and the agent's release have no fixed addresses, and stores may have one
# in your own network (a private endpoint).
resource "azurerm_network_security_rule" "egress_stores" {
  name                        = "to-stores"
  resource_group_name         = local.resource_group_name
  network_security_group_name = azurerm_network_security_group.this.name
  direction                   = "Outbound"
  access                      = "Allow"
  priority                    = 210
  protocol                    = "Tcp"
  source_address_prefix       = "*"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "443"
}

resource "azurerm_network_security_rule" "egress_rest" {
  name                        = "to-nobody"
  resource_group_name         = local.resource_group_name
  network_security_group_name = azurerm_network_security_group.this.name
  direction                   = "Outbound"
  access                      = "Deny"
  priority                    = 4096
  protocol                    = "*"
  source_address_prefix       = "*"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "*"
}
