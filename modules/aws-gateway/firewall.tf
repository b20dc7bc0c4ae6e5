locals {
  protocols = ["tcp", "udp"]

  # One rule a peer and protocol: EC2 takes one network a rule. The keys are
  # known before any address is.
  peer_rules = {
    for pair in setproduct(keys(var.peers), local.protocols) : "${pair[0]}-${pair[1]}" => { peer = pair[0], protocol = pair[1] }
  }
  control_rules = {
    for pair in setproduct(var.control_cidrs, local.protocols) : "${pair[0]}-${pair[1]}" => { cidr = pair[0], protocol = pair[1] }
  }
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

resource "aws_vpc_security_group_ingress_rule" "peer" {
  for_each = local.peer_rules

  region            = local.region
  security_group_id = aws_security_group.this.id
  description       = "From gateway ${each.value.peer}"
  ip_protocol       = each.value.protocol
  from_port         = var.port
  to_port           = var.port
  cidr_ipv4         = "${split(":", var.peers[each.value.peer])[0]}/32"
  tags              = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "control" {
  for_each = local.control_rules

  region            = local.region
  security_group_id = aws_security_group.this.id
  description       = "From the orchestrator"
  ip_protocol       = each.value.protocol
  from_port         = var.port
  to_port           = var.port
  cidr_ipv4         = each.value.cidr
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
