# A machine image with the agent in it, for image_ids of modules/aws-gateway:
#   packer build -var region=us-east-1 -var architecture=arm64 -var agent=bin/skyagent images/packer/aws.pkr.hcl

variable "region" {
  type        = string
  description = "Region of the image, such as us-east-1."
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

source "amazon-ebs" "gateway" {
  region        = var.region
  instance_type = { amd64 = "c6i.large", arm64 = "c7g.large" }[var.architecture]
  ssh_username  = "ubuntu"

  ami_name        = "skyctl-gateway-${var.architecture}-${formatdate("YYYYMMDDhhmmss", timestamp())}"
  ami_description = "Ubuntu 24.04 with skyagent"
  encrypt_boot    = true

  source_ami_filter {
    filters = {
      name                = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${var.architecture}-server-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    most_recent = true
    owners      = ["099720109477"] # Canonical
  }

  tags = {
    skyctl-image = var.architecture
  }
}

build {
  sources = ["source.amazon-ebs.gateway"]

  provisioner "file" {
    source      = var.agent
    destination = "/tmp/skyagent"
  }

  provisioner "shell" {
    script          = "${path.root}/install.sh"
    execute_command = "sudo sh '{{ .Path }}'"
  }
}
