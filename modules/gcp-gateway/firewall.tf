locals {
  peer_ranges = [for peer in sort(keys(var.peers)) : "${split(":", var.peers[peer])[0]}/32"]
  peer_ports  = distinct([for peer in sort(keys(var.peers)) : split(":", var.peers[peer])[1]])
  ingress = {
    peers   = length(var.peers) > 0 ? local.peer_ranges : []
    control = var.control_cidrs
  }
}

# Whether there are peers is known before their addresses are.
resource "google_compute_firewall" "ingress" {
  for_each = toset([for kind, enabled in { peers = length(var.peers) > 0, control = length(var.control_cidrs) > 0 } : kind if enabled])

  name          = "${var.name}-${each.value}"
  description   = "To gateways of skyctl run ${var.run}"
  network       = local.network
  direction     = "INGRESS"
  source_ranges = local.ingress[each.value]
  target_tags   = [var.name]

  allow {
    protocol = "tcp"
    ports    = [tostring(var.port)]
  }

  allow {
    protocol = "udp"
    ports    = [tostring(var.port)]
  }
}

resource "google_compute_firewall" "egress_peers" {
  count = length(var.peers) > 0 ? 1 : 0

  name               = "${var.name}-to-peers"
  description        = "From gateways of skyctl run ${var.run} to others"
  network            = local.network
  direction          = "EGRESS"
  destination_ranges = local.peer_ranges
  target_tags        = [var.name]

  allow {
    protocol = "tcp"
    ports    = local.peer_ports
  }

  allow {
    protocol = "udp"
    ports    = local.peer_ports
  }
}

# Stores and the agent's release have no fixed addresses.
resource "google_compute_firewall" "egress_stores" {
  name               = "${var.name}-to-stores"
  description        = "From gateways of skyctl run ${var.run} to object stores"
  network            = local.network
  direction          = "EGRESS"
  destination_ranges = ["0.0.0.0/0"]
  target_tags        = [var.name]

  allow {
    protocol = "tcp"
    ports    = ["443"]
  }
}

resource "google_compute_firewall" "egress_rest" {
  name               = "${var.name}-to-nobody"
  description        = "Nothing else from gateways of skyctl run ${var.run}"
  network            = local.network
  direction          = "EGRESS"
  priority           = 65000
  destination_ranges = ["0.0.0.0/0"]
  target_tags        = [var.name]

  deny {
    protocol = "all"
  }
}
