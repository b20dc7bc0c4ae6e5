output "gateways" {
  description = "The gateways by name: address (HOST:PORT, UDP and TCP), private_address, id and zone."
  value = {
    for name, instance in google_compute_instance.gateway : name => {
      address         = "${var.network.public_addresses ? instance.network_interface[0].access_config[0].nat_ip : instance.network_interface[0].network_ip}:${var.port}"
      private_address = "${instance.network_interface[0].network_ip}:${var.port}"
      id              = instance.id
      zone            = instance.zone
    }
  }
}
