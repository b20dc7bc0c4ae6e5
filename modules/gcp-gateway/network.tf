locals {
  new_network = var.network.network == null
  network     = local.new_network ? google_compute_network.this[0].self_link : var.network.network
  subnetwork  = local.new_network ? google_compute_subnetwork.this[0].self_link : var.network.subnetwork
}

# Networks and firewalls of Google Cloud carry no labels; they are found by name.
resource "google_compute_network" "this" {
  count = local.new_network ? 1 : 0

  name                    = var.name
  description             = "Gateways of skyctl run ${var.run}"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "this" {
  count = local.new_network ? 1 : 0

  name          = var.name
  description   = "Gateways of skyctl run ${var.run}"
  region        = local.region
  network       = google_compute_network.this[0].self_link
  ip_cidr_range = var.network.cidr_block
}
