locals {
  region = split(":", var.region)[1]
  tags   = merge(var.tags, { Name = var.name })
}

data "aws_availability_zones" "this" {
  region = local.region
  state  = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

data "aws_ec2_instance_type" "this" {
  for_each = toset([for gateway in var.gateways : gateway.machine_type])

  region        = local.region
  instance_type = each.value
}

locals {
  # The architecture of each machine type, as agents and images are called.
  architectures = {
    for type, info in data.aws_ec2_instance_type.this : type => contains(info.supported_architectures, "arm64") ? "arm64" : "amd64"
  }
}

# The newest Ubuntu of today, looked up when the gateways are planned. Machines
# that run keep theirs.
data "aws_ami" "ubuntu" {
  for_each = setsubtract(values(local.architectures), keys(var.image_ids))

  region      = local.region
  most_recent = true
  owners      = ["099720109477"] # Canonical

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${each.value}-server-*"]
  }

  filter {
    name   = "state"
    values = ["available"]
  }
}

resource "aws_instance" "gateway" {
  for_each = var.gateways

  region                               = local.region
  instance_type                        = each.value.machine_type
  ami                                  = try(var.image_ids[local.architectures[each.value.machine_type]], data.aws_ami.ubuntu[local.architectures[each.value.machine_type]].image_id)
  subnet_id                            = local.subnet_of[each.key]
  vpc_security_group_ids               = [aws_security_group.this.id]
  associate_public_ip_address          = var.network.public_addresses
  iam_instance_profile                 = local.instance_profile_name
  ebs_optimized                        = true
  user_data                            = local.boot[each.key]
  instance_initiated_shutdown_behavior = "terminate" # powering off gives the machine back
  tags                                 = merge(local.tags, { Name = "${var.name}-${each.key}" })

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  root_block_device {
    encrypted             = true
    volume_type           = "gp3"
    volume_size           = var.disk_size_gb
    delete_on_termination = true
    tags                  = merge(local.tags, { Name = "${var.name}-${each.key}" })
  }

  dynamic "instance_market_options" {
    for_each = each.value.spot ? [true] : []

    content {
      market_type = "spot"

      spot_options {
        instance_interruption_behavior = "terminate"
        spot_instance_type             = "one-time"
      }
    }
  }

  # Without a way out it would boot for nothing; and the way goes last.
  depends_on = [aws_route.internet, aws_route_table_association.this, aws_vpc_security_group_egress_rule.stores]

  lifecycle {
    # They count when the machine starts. A token of another gateway's successor,
    # or an image of tomorrow, is no reason to replace this one.
    ignore_changes = [ami, user_data]

    precondition {
      condition     = contains(keys(var.agent.binaries), local.architectures[each.value.machine_type])
      error_message = "${each.value.machine_type} is ${local.architectures[each.value.machine_type]}, and agent.binaries has no agent for that."
    }

    precondition {
      condition     = local.new_vpc || lookup(local.given_subnet_of, each.key, null) != null
      error_message = "None of the subnets is in ${coalesce(each.value.zone, "any zone")}."
    }

    precondition {
      condition     = length(local.boot[each.key]) < 16384
      error_message = "The boot data are larger than the 16,384 bytes that EC2 takes."
    }
  }
}
