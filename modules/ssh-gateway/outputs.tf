output "gateways" {
  description = "The gateways by name: address (HOST:PORT, UDP and TCP), private_address, id and zone."
  value = {
    for name, gateway in terraform_data.gateway : name => {
      address         = gateway.output.listen
      private_address = gateway.output.private_listen == "" ? gateway.output.listen : gateway.output.private_listen
      id              = gateway.id
      zone            = var.gateways[name].zone
    }
  }
}
