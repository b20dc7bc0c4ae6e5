# A machine image with the agent in it, for images of modules/gcp-gateway:
#   packer build -var project=transfers -var zone=us-central1-a -var agent=bin/skyagent images/packer/gcp.pkr.hcl

variable "project" {
  type        = string
  description = "Project of the image."
}

variable "zone" {
  type        = string
  description = "Where the image is made; it can be used everywhere."
}

variable "architecture" {
  type        = string
  description = "Of the machines that start from it: amd64 or arm64."
  default     = "amd64"
}

variable "agent" {
  type        = string
  description = "The skyagent binary on this machine, built for Linux and the architecture."
}

source "googlecompute" "gateway" {
  project_id   = var.project
  zone         = var.zone
  machine_type = { amd64 = "n2-standard-2", arm64 = "c4a-standard-1" }[var.architecture]
  disk_type    = { amd64 = "pd-balanced", arm64 = "hyperdisk-balanced" }[var.architecture]
  ssh_username = "packer"

  source_image_family     = "ubuntu-2404-lts-${var.architecture}"
  source_image_project_id = ["ubuntu-os-cloud"]

  image_name        = "skyctl-gateway-${var.architecture}-${formatdate("YYYYMMDDhhmmss", timestamp())}"
  image_family      = "skyctl-gateway-${var.architecture}"
  image_description = "Ubuntu 24.04 with skyagent"
  image_labels = {
    skyctl-image = var.architecture
  }

  enable_secure_boot          = true
  enable_vtpm                 = true
  enable_integrity_monitoring = true
}

build {
  sources = ["source.googlecompute.gateway"]

  provisioner "file" {
    source      = var.agent
    destination = "/tmp/skyagent"
  }

  provisioner "shell" {
    script          = "${path.root}/install.sh"
    execute_command = "sudo sh '{{ .Path }}'"
  }
}
