output "gateways" {
  description = "The gateways by name: address (HOST:PORT, UDP and TCP), private_address, id and zone."
  value = {
    for name, machine in azurerm_linux_virtual_machine.gateway : name => {
      address         = "${var.network.public_addresses ? azurerm_public_ip.gateway[name].ip_address : azurerm_network_interface.gateway[name].private_ip_address}:${var.port}"
      private_address = "${azurerm_network_interface.gateway[name].private_ip_address}:${var.port}"
      id              = machine.id
      zone            = machine.zone
    }
  }
}
