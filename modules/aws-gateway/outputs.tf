output "gateways" {
  description = "The gateways by name: address (HOST:PORT, UDP and TCP), private_address, id and zone."
  value = {
    for name, instance in aws_instance.gateway : name => {
      address         = "${var.network.public_addresses ? instance.public_ip : instance.private_ip}:${var.port}"
      private_address = "${instance.private_ip}:${var.port}"
      id              = instance.id
      zone            = instance.availability_zone
    }
  }
}
