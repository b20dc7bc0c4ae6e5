locals {
  state_dir = coalesce(var.state_dir, "${path.root}/gateways")

  # What makes a process the one that is wanted: a change takes another one.
  # Lifetime, deadline and token are not here; they count when it starts.
  processes = {
    for name in keys(var.gateways) : name => {
      run            = var.run
      address        = format(strcontains(var.hosts[name].address, ":") ? "[%s]:%d" : "%s:%d", var.hosts[name].address, var.hosts[name].port)
      netns          = var.hosts[name].netns != null ? var.hosts[name].netns : ""
      agent          = var.agent.path
      ca_fingerprint = sha256(var.ca_certificate)
      directory      = "${local.state_dir}/${name}"
    }
  }
}

# An agent as a process of this machine. Terraform waits until it listens, and
# at destroy until it is gone.
resource "terraform_data" "gateway" {
  for_each = local.processes

  input            = each.value
  triggers_replace = each.value

  provisioner "local-exec" {
    interpreter = ["/bin/sh"]
    command     = "${path.module}/scripts/start.sh"

    # The boot data has a secret. It goes by the environment, which only this
    # user can read, and never by an argument, which everybody can.
    environment = {
      GATEWAY_DIRECTORY = each.value.directory
      GATEWAY_NETNS     = each.value.netns
      GATEWAY_AGENT     = each.value.agent
      GATEWAY_BOOT = jsonencode({
        run                   = var.run
        name                  = each.key
        listen                = each.value.address
        ca_certificate        = var.ca_certificate
        token                 = var.enrollment_tokens[each.key]
        lifetime_seconds      = var.lifetime_seconds
        not_after             = var.not_after
        enroll_within_seconds = var.enroll_within_seconds
      })
    }
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["/bin/sh"]
    command     = "${path.module}/scripts/stop.sh"

    environment = {
      GATEWAY_DIRECTORY = self.output.directory
    }
  }
}
