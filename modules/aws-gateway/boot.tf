locals {
  # What each machine is told when it starts. It stays in the state: the token
  # in it works once.
  boot = {
    for name in keys(var.gateways) : name => templatefile("${path.module}/boot.yaml.tftpl", {
      lifetime_seconds = var.lifetime_seconds
      not_after        = var.not_after
      binaries         = var.agent.binaries
      release          = "# EC2 terminates a machine that powers itself off."
      boot = jsonencode({
        run                   = var.run
        name                  = name
        listen                = ":${var.port}"
        ca_certificate        = var.ca_certificate
        token                 = var.enrollment_tokens[name]
        lifetime_seconds      = var.lifetime_seconds
        not_after             = var.not_after
        enroll_within_seconds = var.enroll_within_seconds
      })
    })
  }
}
