locals {
  region = split(":", var.region)[1]

  # Labels have fewer characters than tags.
  labels = { for key, value in var.tags : replace(lower(key), "/[^a-z0-9_-]/", "-") => substr(replace(lower(value), "/[^a-z0-9_-]/", "-"), 0, 63) }

  # What a machine type says by its name.
  family       = { for name, gateway in var.gateways : name => split("-", gateway.machine_type)[0] }
  vcpus        = { for name, gateway in var.gateways : name => try(tonumber(regex("^[a-z0-9]+-[a-z]+-([0-9]+)", gateway.machine_type)[0]), 0) }
  architecture = { for name, family in local.family : name => contains(["a4x", "c4a", "n4a", "t2a"], family) ? "arm64" : "amd64" }
  hyperdisk    = { for name, family in local.family : name => contains(["c4", "c4a", "c4d", "n4", "n4a", "n4d"], family) }

  zone_of = { for name, gateway in var.gateways : name => coalesce(gateway.zone, try(var.network.zones[0], data.google_compute_zones.this.names[0])) }
}

data "google_compute_zones" "this" {
  region = local.region
  status = "UP"
}

# The newest Ubuntu of today, looked up when the gateways are planned. Machines
# that run keep theirs.
data "google_compute_image" "ubuntu" {
  for_each = setsubtract(values(local.architecture), keys(var.images))

  project = "ubuntu-os-cloud"
  family  = "ubuntu-2404-lts-${each.value}"
}

resource "google_compute_instance" "gateway" {
  for_each = var.gateways

  name                = "${var.name}-${each.key}"
  description         = "Gateway of skyctl run ${var.run}"
  zone                = local.zone_of[each.key]
  machine_type        = each.value.machine_type
  tags                = [var.name]
  labels              = local.labels
  can_ip_forward      = false
  deletion_protection = false

  metadata = {
    user-data              = local.boot[each.key]
    block-project-ssh-keys = "true"
    serial-port-enable     = "false"
  }

  boot_disk {
    auto_delete       = true
    kms_key_self_link = var.kms_key_self_link

    initialize_params {
      image  = try(var.images[local.architecture[each.key]], data.google_compute_image.ubuntu[local.architecture[each.key]].self_link)
      size   = var.disk_size_gb
      type   = local.hyperdisk[each.key] ? "hyperdisk-balanced" : "pd-balanced"
      labels = local.labels
    }
  }

  network_interface {
    subnetwork = local.subnetwork
    nic_type   = "GVNIC"

    dynamic "access_config" {
      for_each = var.network.public_addresses ? [var.network.network_tier] : []

      content {
        network_tier = access_config.value
      }
    }
  }

  dynamic "network_performance_config" {
    for_each = var.network.egress_bandwidth_tier == "TIER_1" && local.vcpus[each.key] >= 30 ? ["TIER_1"] : []

    content {
      total_egress_bandwidth_tier = network_performance_config.value
    }
  }

  # Compute Engine deletes the machine when its time is over, whatever the guest
  # does.
  scheduling {
    provisioning_model          = each.value.spot ? "SPOT" : "STANDARD"
    preemptible                 = each.value.spot
    automatic_restart           = false
    on_host_maintenance         = each.value.spot ? "TERMINATE" : "MIGRATE"
    instance_termination_action = "DELETE"

    max_run_duration {
      seconds = var.lifetime_seconds
    }
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  dynamic "service_account" {
    for_each = local.service_account_email == null ? [] : [local.service_account_email]

    content {
      email  = service_account.value
      scopes = ["https://www.googleapis.com/auth/devstorage.read_write"]
    }
  }

  lifecycle {
    # They count when the machine starts. A token of another gateway's successor,
    # an image of tomorrow or a label (of the disk alone) is no reason to replace
    # this one.
    ignore_changes = [
      boot_disk[0].initialize_params[0].image, boot_disk[0].initialize_params[0].labels,
      metadata["user-data"], scheduling[0].max_run_duration,
    ]

    precondition {
      condition     = contains(keys(var.agent.binaries), local.architecture[each.key])
      error_message = "${each.value.machine_type} is ${local.architecture[each.key]}, and agent.binaries has no agent for that."
    }
  }
}
