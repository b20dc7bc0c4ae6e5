locals {
  protocols = ["tcp", "udp"]

  # Out, one rule a peer and protocol: EC2 takes one network a rule. The keys are
  # known before any address is.
  peer_rules = {
    for pair in setproduct(keys(var.peers), local.protocols) : "${pair[0]}-${pair[1]}" => { peer = pair[0], protocol = pair[1] }
  }

  # In, one list for all of them: EC2 takes no rule twice, and peers on one host
  # have one address, which may be among control_cidrs too.
  ingress_size  = length(var.peers) + length(var.control_cidrs)
  ingress_cidrs = toset(concat([for address in values(var.peers) : "${split(":", address)[0]}/32"], var.control_cidrs))
}

resource "aws_security_group" "this" {
  region      = local.region
  name_prefix = "${var.name}-"
  description = "Gateways of skyctl run ${var.run}"
  vpc_id      = local.vpc_id
  tags        = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_ec2_managed_prefix_list" "ingress" {
  count = local.ingress_size > 0 ? 1 : 0

  region         = local.region
  name           = var.name
  address_family = "IPv4"
  max_entries    = local.ingress_size
  tags           = local.tags

  dynamic "entry" {
    for_each = local.ingress_cidrs

    content {
      cidr = entry.value
    }
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = toset(local.ingress_size > 0 ? local.protocols : [])

  region            = local.region
  security_group_id = aws_security_group.this.id
  description       = "From other gateways and the orchestrator"
  ip_protocol       = each.value
  from_port         = var.port
  to_port           = var.port
  prefix_list_id    = aws_ec2_managed_prefix_list.ingress[0].id
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "peer" {
  for_each = local.peer_rules

  region            = local.region
  security_group_id = aws_security_group.this.id
  description       = "To gateway ${each.value.peer}"
  ip_protocol       = each.value.protocol
  from_port         = tonumber(split(":", var.peers[each.value.peer])[1])
  to_port           = tonumber(split(":", var.peers[each.value.peer])[1])
  cidr_ipv4         = "${split(":", var.peers[each.value.peer])[0]}/32"
  tags              = local.tags
}

# Stores and the agent's release have no fixed addresses.
resource "aws_vpc_security_group_egress_rule" "stores" {
  region            = local.region
  security_group_id = aws_security_group.this.id
  description       = "To object stores"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
  tags              = local.tags
}
