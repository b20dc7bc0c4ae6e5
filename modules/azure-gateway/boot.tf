locals {
  # A machine that is powered off still bills, and Azure's auto-shutdown is a time
  # of day. So the machine deletes itself, and with its last one the group.
  management = "https://management.azure.com"
  release = !var.identity.lifetime_role_enabled ? "# This machine may not delete itself: powered off, it bills on." : templatefile("${path.module}/release.sh.tftpl", {
    client_id    = azurerm_user_assigned_identity.this[0].client_id
    group        = "${local.management}${local.resource_group_id}"
    whole        = local.new_group
    subscription = data.azurerm_subscription.this.subscription_id
    management   = local.management
  })

  # What each machine is told when it starts. It stays in the state: the token
  # in it works once.
  boot = {
    for name in keys(var.gateways) : name => templatefile("${path.module}/boot.yaml.tftpl", {
      lifetime_seconds = var.lifetime_seconds
      not_after        = var.not_after
      binaries         = var.agent.binaries
      release          = local.release
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
