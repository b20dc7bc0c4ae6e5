# A machine image with the agent in it, for source_image_ids of modules/azure-gateway:
#   packer build -var subscription_id=… -var resource_group_name=images -var gallery_name=skyctl -var version=1.0.0 \
#     -var location=westus2 -var agent=bin/skyagent images/packer/azure.pkr.hcl
# Credentials are those of az login. The gallery has to have the definitions
# gateway-amd64 and gateway-arm64, of generation 2, for amd64 with trusted launch:
# that is what the module's machines start with.

variable "subscription_id" {
  type        = string
  description = "Subscription of the image."
}

variable "resource_group_name" {
  type        = string
  description = "Group of the gallery."
}

variable "location" {
  type        = string
  description = "Location of the image, such as westus2."
}

variable "gallery_name" {
  type        = string
  description = "Gallery in the group. It has to exist."
}

variable "version" {
  type        = string
  description = "Of the image in its definition, such as 1.0.0."
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

source "azure-arm" "gateway" {
  subscription_id    = var.subscription_id
  use_azure_cli_auth = true
  location           = var.location
  vm_size            = { amd64 = "Standard_D2s_v5", arm64 = "Standard_D2ps_v5" }[var.architecture]

  os_type         = "Linux"
  image_publisher = "Canonical"
  image_offer     = "ubuntu-24_04-lts"
  image_sku       = { amd64 = "server", arm64 = "server-arm64" }[var.architecture]

  shared_image_gallery_destination {
    subscription        = var.subscription_id
    resource_group      = var.resource_group_name
    gallery_name        = var.gallery_name
    image_name          = "gateway-${var.architecture}"
    image_version       = var.version
    replication_regions = [var.location]
  }

  azure_tags = {
    skyctl-image = var.architecture
  }
}

build {
  sources = ["source.azure-arm.gateway"]

  provisioner "file" {
    source      = var.agent
    destination = "/tmp/skyagent"
  }

  provisioner "shell" {
    script          = "${path.root}/install.sh"
    execute_command = "sudo sh '{{ .Path }}'"
  }
}
