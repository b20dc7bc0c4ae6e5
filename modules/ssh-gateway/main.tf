locals {
  # What makes a process the one that is wanted: a change takes another one.
  # Lifetime, deadline and token are not here; they count when it starts.
  processes = {
    for name in keys(var.gateways) : name => {
      run            = var.run
      listen         = format(strcontains(var.hosts[name].address, ":") ? "[%s]:%d" : "%s:%d", var.hosts[name].address, var.hosts[name].port)
      private_listen = var.hosts[name].private_address == null ? "" : format(strcontains(var.hosts[name].private_address, ":") ? "[%s]:%d" : "%s:%d", var.hosts[name].private_address, var.hosts[name].port)
      port           = var.hosts[name].port
      ca_fingerprint = sha256(var.ca_certificate)
      directory      = "${var.state_dir}/${var.run}/${name}"
      host           = var.hosts[name].address
      user           = var.hosts[name].user
      ssh_port       = var.hosts[name].ssh_port
      identity_file  = var.hosts[name].identity_file == null ? "" : var.hosts[name].identity_file
      host_key       = var.hosts[name].host_key == null ? "" : var.hosts[name].host_key
    }
  }
}

# An agent as a process of a host of yours. Terraform waits until it listens, and
# at destroy until it is gone. How to log in is in the state, with the path of
# the key and not the key.
resource "terraform_data" "gateway" {
  for_each = local.processes

  input            = each.value
  triggers_replace = each.value

  connection {
    type        = "ssh"
    host        = self.output.host
    port        = self.output.ssh_port
    user        = self.output.user
    agent       = self.output.identity_file == ""
    private_key = self.output.identity_file == "" ? null : file(self.output.identity_file)
    host_key    = self.output.host_key == "" ? null : self.output.host_key
    timeout     = "1m"
    # Not /tmp, which may be shared or not allow to execute.
    script_path = "./.skyctl-%RAND%.sh"
  }

  # A directory that nobody else can look into, before anything is in it. What a
  # Terraform that was killed left there is stopped, while its scripts are there.
  provisioner "remote-exec" {
    inline = [
      "set -eu; umask 077; mkdir -p '${self.output.directory}/scripts'; cd '${self.output.directory}'",
      "if [ -f scripts/stop.sh ]; then GATEWAY_DIRECTORY=. sh scripts/stop.sh; fi",
      "rm -f skyagent",
    ]
  }

  provisioner "file" {
    source      = "${path.module}/scripts/"
    destination = "${self.output.directory}/scripts"
  }

  provisioner "file" {
    source      = var.agent.path
    destination = "${self.output.directory}/skyagent"
  }

  provisioner "file" {
    content = jsonencode({
      run                   = var.run
      name                  = each.key
      listen                = ":${self.output.port}"
      ca_certificate        = var.ca_certificate
      token                 = var.enrollment_tokens[each.key]
      lifetime_seconds      = var.lifetime_seconds
      not_after             = var.not_after
      enroll_within_seconds = var.enroll_within_seconds
    })
    destination = "${self.output.directory}/told.json"
  }

  provisioner "remote-exec" {
    inline = ["cd '${self.output.directory}' && exec sh scripts/launch.sh ${var.run}-${each.key} ${var.lifetime_seconds}"]
  }

  provisioner "remote-exec" {
    when   = destroy
    inline = ["cd '${self.output.directory}' 2>/dev/null || exit 0; exec sh scripts/remove.sh"]
  }
}
