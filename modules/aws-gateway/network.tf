locals {
  new_vpc = var.network.vpc_id == null

  # In a new VPC each zone that a gateway is in has a subnet.
  zone_of = {
    for name, gateway in var.gateways : name => coalesce(gateway.zone, data.aws_availability_zones.this.names[0])
  }
  zones = local.new_vpc ? sort(distinct(values(local.zone_of))) : []

  # In a VPC of yours a gateway goes to a subnet of its zone; without a zone its
  # name decides, so that others may come and go without its being replaced.
  given_subnet_of = {
    for name, gateway in var.gateways : name => try(
      gateway.zone == null ? element(var.network.subnet_ids, parseint(substr(md5(name), 0, 8), 16)) : [
        for id in var.network.subnet_ids : id if data.aws_subnet.given[id].availability_zone == gateway.zone
      ][0],
      null
    ) if !local.new_vpc
  }
  subnet_of = {
    for name in keys(var.gateways) : name => local.new_vpc ? aws_subnet.this[local.zone_of[name]].id : local.given_subnet_of[name]
  }
  vpc_id = local.new_vpc ? aws_vpc.this[0].id : var.network.vpc_id
}

data "aws_subnet" "given" {
  for_each = toset(var.network.subnet_ids)

  region = local.region
  id     = each.value

  lifecycle {
    postcondition {
      condition     = self.vpc_id == var.network.vpc_id
      error_message = "Subnet ${each.value} is not in ${var.network.vpc_id}."
    }
  }
}

resource "aws_vpc" "this" {
  count = local.new_vpc ? 1 : 0

  region               = local.region
  cidr_block           = var.network.cidr_block
  enable_dns_support   = true
  enable_dns_hostnames = false
  tags                 = local.tags
}

# Nothing uses it; it lets nothing through.
resource "aws_default_security_group" "this" {
  count = local.new_vpc ? 1 : 0

  region = local.region
  vpc_id = aws_vpc.this[0].id
  tags   = local.tags
}

resource "aws_subnet" "this" {
  for_each = toset(local.zones)

  region                  = local.region
  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.value
  cidr_block              = cidrsubnet(var.network.cidr_block, 4, index(data.aws_availability_zones.this.names, each.value))
  map_public_ip_on_launch = false
  tags                    = merge(local.tags, { Name = "${var.name}-${each.value}" })
}

resource "aws_internet_gateway" "this" {
  count = local.new_vpc ? 1 : 0

  region = local.region
  vpc_id = aws_vpc.this[0].id
  tags   = local.tags
}

resource "aws_route_table" "this" {
  count = local.new_vpc ? 1 : 0

  region = local.region
  vpc_id = aws_vpc.this[0].id
  tags   = local.tags
}

resource "aws_route" "internet" {
  count = local.new_vpc ? 1 : 0

  region                 = local.region
  route_table_id         = aws_route_table.this[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "this" {
  for_each = aws_subnet.this

  region         = local.region
  subnet_id      = each.value.id
  route_table_id = aws_route_table.this[0].id
}

# Private machines reach S3 without paying for NAT.
resource "aws_vpc_endpoint" "s3" {
  count = length(var.network.route_table_ids) > 0 ? 1 : 0

  region            = local.region
  vpc_id            = var.network.vpc_id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.network.route_table_ids
  tags              = local.tags
}
